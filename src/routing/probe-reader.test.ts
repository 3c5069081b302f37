import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROBE_LINE, ProbeReader } from './probe-reader.ts';

function read(text: string): { kind: number; reader: ProbeReader; input: Uint8Array } {
  const reader = new ProbeReader();
  const input = Buffer.from(`..${text}`, 'latin1');
  return { kind: reader.read(input, 2, input.length), reader, input };
}

test('each line of a probe is told for what it is', () => {
  for (const [line, kind] of [
    ['VERSION 1.6.45', PROBE_LINE.version],
    ['VERSION memcached agent v0.6', PROBE_LINE.agentVersion],
    ['STORED', PROBE_LINE.stored],
    ['HELLO', PROBE_LINE.other],
    ['END', PROBE_LINE.end],
    ['ERROR', PROBE_LINE.end],
    ['CLIENT_ERROR unauthenticated', PROBE_LINE.wantsLogin],
    ['CLIENT_ERROR bad command line format', PROBE_LINE.end],
    ['VALUE k 0 1', PROBE_LINE.garbled],
  ] as const) {
    const { kind: found, reader } = read(`${line}\r\nmore`);
    assert.equal(found, kind, line);
    if (kind !== PROBE_LINE.garbled) assert.equal(reader.next, line.length + 4, line);
    assert.equal(read(line).kind, PROBE_LINE.incomplete, `${line}, without its end`);
  }
  assert.equal(read('x'.repeat(5000)).kind, PROBE_LINE.garbled, 'a line without an end');
});

test('of statistics only what the last line says is told', () => {
  const reader = new ProbeReader();
  const told = (line: string): readonly unknown[] => {
    const input = Buffer.from(`STAT ${line}\r\n`);
    assert.equal(reader.read(input, 0, input.length), PROBE_LINE.stat);
    const { replicates, lacksSync, pid, uptimeSeconds, timeSeconds, answerMs } = reader;
    return [replicates, lacksSync, pid, uptimeSeconds, timeSeconds, answerMs];
  };
  assert.deepEqual(told('replication MASTER'), [true, false, 0, 0, 0, 0]);
  assert.deepEqual(told('replication_in_sync 0'), [true, true, 0, 0, 0, 0]);
  assert.deepEqual(told('replication_in_sync 1'), [true, false, 0, 0, 0, 0]);
  assert.deepEqual(told('pid 4711'), [false, false, 4711, 0, 0, 0]);
  assert.deepEqual(told('uptime 12'), [false, false, 0, 12, 0, 0]);
  assert.deepEqual(told('time 1790000000'), [false, false, 0, 0, 1790000000, 0]);
  assert.deepEqual(told('agent_answer_ms_max 1500'), [false, false, 0, 0, 0, 1500]);
  assert.deepEqual(told('pid 47x'), [false, false, 0, 0, 0, 0]);
});

test('a line is shown without what cannot be shown, and not all of it', () => {
  const { reader, input } = read(`ERROR \u001b[2J\u00e4${'x'.repeat(500)}\r\n`);
  assert.equal(reader.text(input), `ERROR ?[2J?${'x'.repeat(189)}`);
});
