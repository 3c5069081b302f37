import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { seededRandom } from '../../src/base/random.ts';
import { DatagramClient, requestDatagram } from '../../testing/datagrams.ts';
import { junk } from '../../testing/fuzz/mutations.ts';
import { anyStream } from '../../testing/fuzz/session-fuzz.ts';
import { freePorts } from '../../testing/processes.ts';
import { startNode, TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const TIME_MS = Number(process.env['FUZZ_MS'] ?? 3000);
const SEED = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e9));
const DATAGRAM_BYTES_MAX = 60_000;

/** Asks until it is answered: the kernel drops datagrams that come faster than they are read. */
async function asked(client: DatagramClient, request: string, answer: string): Promise<void> {
  const ids: number[] = [];
  const text = await until('the answer', () => {
    ids.push(client.send(request));
    return ids.map((id) => client.parts(id)[0]?.text).find((part) => part !== undefined) ?? null;
  });
  assert.equal(text, answer);
}

for (const transport of TRANSPORTS) {
  test(`${transport}: random and damaged datagrams are answered or dropped, and others go on`, async (t) => {
    t.diagnostic(`SEED=${SEED}`);
    const random = seededRandom(SEED);
    const [port = 0] = await freePorts(1);
    const node = await startNode(['-t', '2', '-F', '-U', `${port}`], transport);
    t.after(() => node.process.kill('SIGKILL'));
    const hostile = new DatagramClient(port);
    const client = new DatagramClient(port);
    t.after(() => {
      hostile.close();
      client.close();
    });
    const end = performance.now() + TIME_MS;
    let sent = 0;
    for (let round = 0; performance.now() < end; round++) {
      for (let i = 0; i < 20; i++, sent++) {
        const payload = anyStream(random).subarray(0, DATAGRAM_BYTES_MAX);
        const frame =
          random.below(4) === 0 ? junk(random, random.below(12)) : requestDatagram(i, '', random.below(3));
        hostile.raw(
          Buffer.concat([frame, payload.subarray(0, random.below(3) === 0 ? random.below(40) : undefined)]),
        );
      }
      await asked(client, `set mine${round} 0 0 4\r\nmine\r\n`, 'STORED\r\n');
      await asked(client, `get mine${round}\r\n`, `VALUE mine${round} 0 4\r\nmine\r\nEND\r\n`);
    }
    t.diagnostic(`${sent} datagrams`);
    const overTcp = await TextClient.connect(node.port);
    assert.equal((await overTcp.stats()).get('curr_connections'), '1');
    overTcp.close();
    assert.equal(await node.process.kill(), 0);
  });
}
