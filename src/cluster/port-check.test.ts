import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { freePortOffset, movedLocalPlan } from '../../testing/free-port-offset.ts';
import { busyPortAdvice, busyPortLine, busyPorts } from './port-check.ts';

test('all busy ports are named, with all who wanted them and who has them', async (t) => {
  const portOffset = await freePortOffset();
  const plan = movedLocalPlan(portOffset);
  assert.deepEqual(await busyPorts(plan), []);
  const replication = createServer().listen(11111 + portOffset, '127.0.0.1');
  // A port that is taken on every address is taken on loopback, too.
  const page = createServer().listen(plan.pagePort, '0.0.0.0');
  t.after(() => {
    replication.close();
    page.close();
  });
  await Promise.all([once(replication, 'listening'), once(page, 'listening')]);
  const lines = (await busyPorts(plan)).map(busyPortLine);
  assert.equal(lines.length, 2);
  assert.ok(lines[0]?.startsWith(`port ${plan.pagePort}, wanted by the status page, is in use`), lines[0]);
  const wanted = `port ${11111 + portOffset}, wanted by node-1a (replication), node-1b (replication), is in use`;
  assert.ok(lines[1]?.startsWith(wanted), lines[1]);
  if (process.platform === 'linux')
    for (const line of lines) assert.match(line, new RegExp(`process ${process.pid} \\(`));
});

test('a port that may not be opened is told from one that is in use', () => {
  const busy = { port: 80, wantedBy: 'the status page', holder: null };
  assert.equal(
    busyPortLine({ ...busy, code: 'EACCES' }),
    'port 80, wanted by the status page, may not be opened by this user',
  );
  assert.equal(
    busyPortLine({ ...busy, code: 'EADDRINUSE' }),
    'port 80, wanted by the status page, is in use',
  );
  assert.match(busyPortLine({ ...busy, code: 'EIO' }), /cannot be opened: EIO$/);
});

test('the advice tells a running cluster from the remains of one, and keeps out of what is not ours', () => {
  const busy = (port: number, pid: number, command: string) =>
    ({ port, wantedBy: 'x', code: 'EADDRINUSE', holder: { pid, command } }) as const;
  const remains = [
    busy(11111, 7, 'twincached memcached -v -p 1'),
    busy(11221, 7, 'twincached memcached -v -p 1'),
  ];
  const other = busy(12000, 8, '/srv/twincached/other-program');
  assert.match(busyPortAdvice([...remains, other], 2812, true) ?? '', /`kill 7` ends/);
  const running = [busy(2812, 9, 'twincached up'), ...remains];
  assert.match(busyPortAdvice(running, 2812, true) ?? '', /runs here already.*--port-offset/);
  assert.match(busyPortAdvice(running, 2812, false) ?? '', /runs here already.*--page-port/);
  assert.equal(busyPortAdvice([other, { ...other, holder: null }], 2812, true), null);
});
