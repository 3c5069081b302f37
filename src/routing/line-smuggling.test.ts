/** Lines of which memcached up to 1.6.18 does not swallow the value: what stands there would be commands to it, and their answers those of others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld } from '../../testing/route-world.ts';
import { MAGENT_MANNER, NUTCRACKER_MANNER } from './client-manner.ts';

const VALUE = 'flush_all\r\n';
const FORMAT = 'CLIENT_ERROR bad command line format\r\n';
const LONG = 'k'.repeat(251);
/** As many as memcached takes in an ms, and one more. */
const FLAGS_MOST = 'T0 F1 I k O1 q c C5 E7 MS N1 f s t v h';

for (const [line, reply] of [
  ['set a\0b 0 0 11', FORMAT],
  ['cas \0 0 0 11 1', FORMAT],
  ['append a\0 0 0 11 noreply', ''],
  ['ms a\0b 11', FORMAT],
  [`ms ${LONG} 11 T0`, FORMAT],
  [`ms a 11 ${FLAGS_MOST} l`, 'CLIENT_ERROR options flags too long\r\n'],
  [`ms a 11 ${FLAGS_MOST} ! ? z`, 'CLIENT_ERROR options flags too long\r\n'],
] as const)
  test(`refused by the proxy itself, with its value: ${JSON.stringify(line).slice(0, 60)}`, () => {
    const made = new RouteWorld({ mains: 1, backups: 0, manner: MAGENT_MANNER }).start();
    assert.equal(made.ask(made.client(), `${line}\r\n${VALUE}\r\nmn\r\n`), `${reply}MN\r\n`);
    assert.deepEqual(made.servers[0]?.seen, []);
    made.nothingLeft();
  });

for (const line of ['get a\0b', 'get c a\0b', 'gat 0 \0', 'delete a\0b', 'incr a\0b 1', 'mg a\0b v', 'md \0'])
  test(`a key with a NUL is none: ${JSON.stringify(line)}`, () => {
    const made = new RouteWorld({ mains: 1, backups: 0 }).start();
    assert.equal(made.ask(made.client(), `${line}\r\nmn\r\n`), `${FORMAT}MN\r\n`);
    assert.deepEqual(made.servers[0]?.seen, []);
    made.nothingLeft();
  });

test('as many flags as memcached takes are passed on', () => {
  const made = new RouteWorld({ mains: 1, backups: 0 }).start();
  made.ask(made.client(), `ms a 11 ${FLAGS_MOST}\r\n${VALUE}\r\n`);
  assert.equal(made.servers[0]?.seen.length, 1);
});

test('as nutcracker the connection ends', () => {
  for (const text of [`set a\0b 0 0 11\r\n${VALUE}\r\n`, 'get a\0b\r\n']) {
    const made = new RouteWorld({ mains: 1, backups: 0, manner: NUTCRACKER_MANNER }).start();
    const client = made.client();
    assert.equal(made.ask(client, text), '');
    assert.deepEqual(made.servers[0]?.seen, []);
  }
});

const OLD_SERVERS = [
  'VERSION 1.4.13',
  'VERSION 1.4.13-repcached',
  'VERSION 1.5',
  'VERSION 1.5-rc1',
  'VERSION 0.5.0',
  'VERSION memcached agent v0.5',
];
const NEW_SERVERS = [
  'VERSION 1.6.0',
  'VERSION 1.6-rc1',
  'VERSION 1.10.2',
  'VERSION 2.0.1',
  'VERSION 38.0.0 mcrouter',
  'VERSION some.other',
  'VERSION 1',
];
const NO_META = 'SERVER_ERROR the server knows no meta commands\r\n';

for (const versionLine of [...OLD_SERVERS, ...NEW_SERVERS])
  test(`a server that would take the value of an ms for commands gets none: ${versionLine}`, () => {
    const made = new RouteWorld({ mains: 1, backups: 0 });
    const [server] = made.servers;
    server!.versionLine = versionLine;
    made.start();
    const client = made.client();
    // On a connection that is there, and while it is dialled.
    for (const isThere of [true, false]) {
      if (!isThere) server!.hangUp();
      client.send(`set b 0 0 1\r\n1\r\nms a 11\r\n${VALUE}\r\nget b\r\n`);
      made.run(100);
      const answers = client.take();
      assert.match(answers, /^STORED\r\n[^\r]*\r\nVALUE b 0 1\r\n1\r\nEND\r\n$/);
      assert.equal(answers.includes(NO_META), OLD_SERVERS.includes(versionLine), answers);
    }
    assert.equal(
      server!.seen.some((line) => line.startsWith('ms ')),
      NEW_SERVERS.includes(versionLine),
    );
    assert.ok(!server!.seen.some((line) => line.startsWith('flush_all')));
    made.nothingLeft();
  });

test('a proxy of ours knows the meta commands, though it says that it is an old magent', () => {
  const made = new RouteWorld({ mains: 1, backups: 0 });
  const [server] = made.servers;
  server!.versionLine = 'VERSION memcached agent v0.5';
  server!.statsReply = 'STAT agent_answer_ms_max 1500\r\nEND\r\n';
  made.start();
  made.ask(made.client(), `ms a 11\r\n${VALUE}\r\n`);
  assert.deepEqual(server!.seen, ['ms a 11']);
});
