import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseOptions } from './command-options.ts';
import { FINDING_OPTIONS, findMonitor } from './find-monitor.ts';
import { readOut, writeOut } from './kept-out.ts';
import { newKey, runningMonitor, runningMonitors, writeMonitorRecord } from './monitor-record.ts';
import { readServing, writeServing } from './serving-twins.ts';

const directory = mkdtempSync(join(tmpdir(), 'twincached-found-'));
const before = process.env['XDG_STATE_HOME'];
process.env['XDG_STATE_HOME'] = directory;
after(() => {
  if (before === undefined) delete process.env['XDG_STATE_HOME'];
  else process.env['XDG_STATE_HOME'] = before;
  rmSync(directory, { recursive: true });
});

const shop = join(directory, 'shop.yml');
writeFileSync(shop, '');

/** Lets this process be found as the monitor of a cluster. @returns takes that back */
function running(cluster: string, host: string | null, pagePort: number, file: string | null): () => void {
  const page = { pageAddress: '127.0.0.1', pageCertificate: null };
  const { failure, remove } = writeMonitorRecord(
    { cluster, host, file, pagePort, ...page, key: newKey() },
    host ?? '',
  );
  assert.equal(failure, null);
  return remove;
}

/** The port of the page that a command line leads to. */
function found(...words: string[]): number {
  const options = parseOptions(words, FINDING_OPTIONS);
  return findMonitor(options.positionals[0] ?? null, options).pagePort;
}

test('a monitor is found by its file, by its name, by its host, or because it is the only one', (t) => {
  assert.equal(found(), 2812, 'nobody is known: where the built-in cluster has its page');
  assert.equal(found('--port-offset', '100'), 2912);
  assert.throws(() => found('shop'), /^StartError: no cluster shop runs here$/);

  t.after(running('shop', 'a', 3001, shop));
  assert.deepEqual([found(), found('shop'), found(shop)], [3001, 3001, 3001]);
  const link = join(directory, 'link.yml');
  symlinkSync(shop, link);
  assert.equal(found(link), 3001, 'the same file by another name');

  t.after(running('shop', 'b', 3002, shop));
  assert.equal(found(shop, '--host', 'b'), 3002);
  assert.throws(
    () => found(shop),
    /^StartError: several clusters run here: shop --host a, shop --host b; name one of them$/,
  );
  assert.throws(() => found('shop', '--host', 'c'), /^StartError: no cluster shop, host c runs here$/);
  assert.equal(found('--page-port', '3002'), 3002);
});

test('what a monitor leaves is for its user alone, goes with it, and is worth nothing without it', () => {
  const remove = running('gone', null, 3003, null);
  const path = join(directory, 'twincached/gone/monitor.json');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(directory, 'twincached/gone')).mode & 0o777, 0o700);
  assert.equal(runningMonitor('gone', '')?.pid, process.pid);
  remove();
  assert.equal(existsSync(path), false);
  assert.equal(existsSync(join(directory, 'twincached/gone')), false);

  mkdirSync(join(directory, 'twincached/dead'), { recursive: true });
  const record = { cluster: 'dead', host: null, file: null, pagePort: 3004, pageAddress: '127.0.0.1' };
  const dead = { ...record, pageCertificate: null, key: newKey(), pid: process.pid, startedAfterBootMs: 1 };
  for (const text of [JSON.stringify(dead), '{}', 'nonsense', '[]']) {
    writeFileSync(join(directory, 'twincached/dead/monitor.json'), text);
    assert.equal(runningMonitor('dead', ''), null, text);
    assert.deepEqual(
      runningMonitors().filter(({ cluster }) => cluster === 'dead'),
      [],
    );
  }
});

test('which twin is asked first is kept for each host, and what cannot be read is nothing', () => {
  assert.equal(writeServing('kept', 'a', new Map([['one', 'one-b']])), null);
  assert.deepEqual([...readServing('kept', 'a')], [['one', 'one-b']]);
  assert.deepEqual([...readServing('kept', 'b')], []);
  for (const text of ['nonsense', '[1]', 'null', '{"one":1}']) {
    writeFileSync(join(directory, 'twincached/kept/serving-a.json'), text);
    assert.deepEqual([...readServing('kept', 'a')], [], text);
  }
});

test('what is taken out of proxies is kept for each host, and what cannot be read is nothing', () => {
  const out = new Map([['users', new Set(['127.0.0.1:1', '127.0.0.1:2'])]]);
  assert.equal(writeOut('kept', 'a', out), null);
  assert.deepEqual(readOut('kept', 'a'), out);
  assert.deepEqual(readOut('kept', null), new Map());
  for (const text of ['nonsense', '[1]', 'null', '{"users":1}']) {
    writeFileSync(join(directory, 'twincached/kept/out-a.json'), text);
    assert.deepEqual(readOut('kept', 'a'), new Map(), text);
  }
});
