import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { LoadPlan } from '../src/load/load-plan.ts';
import { measureLoad } from '../src/load/measure.ts';
import type { SocketAddress } from '../src/net/loop.ts';
import { AS_ROOT, freePorts, twincached } from '../testing/processes.ts';
import { TextClient } from '../testing/text-client.ts';
import { until } from '../testing/wait.ts';

const PLAN: LoadPlan = {
  name: 'test',
  protocol: 'text',
  connections: 3,
  depth: 2,
  keys: 50,
  valueBytes: 10,
  getShare: 0.5,
  keysPerGet: 1,
  exptimeSeconds: 100,
};
const QUICK = { warmSeconds: 0, seconds: 0.3, seed: 1 } as const;

function at(port: number): SocketAddress {
  return { family: 'ipv4', host: '127.0.0.1', port };
}

async function nodePort(t: TestContext): Promise<number> {
  const [port = 0] = await freePorts(1);
  const node = twincached(['memcached', '-l', '127.0.0.1', '-p', String(port), '-t', '1', ...AS_ROOT]);
  t.after(() => node.kill());
  (await until('the node answers', () => TextClient.connect(port))).close();
  return port;
}

/** A server that answers every packet with the same words. */
async function sayingPort(t: TestContext, words: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write(words));
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

test('a load of each protocol is answered, and what it stored ends by itself', async (t) => {
  const port = await nodePort(t);
  const client = await TextClient.connect(port);
  t.after(() => client.close());
  for (const protocol of ['text', 'meta', 'binary'] as const) {
    await client.ask('flush_all');
    const outcome = await measureLoad(at(port), { ...PLAN, protocol }, { ...QUICK, loadThreads: 2 });
    assert.ok(outcome.requests > 0, protocol);
    assert.ok(outcome.p50Micros <= outcome.p99Micros && outcome.p99Micros <= outcome.p999Micros, protocol);
    const found = await client.ask('mg load:0000049 t s');
    assert.match(found, /^HD t(100|9\d) s10\r\n$/, `${protocol}: ${found}`);
  }
  const paced = await measureLoad(at(port), PLAN, { ...QUICK, seconds: 0.3, requestsPerSecond: 100 });
  assert.ok(paced.requests > 0 && paced.requests <= 60, `${paced.requests} where about 30 were due`);
});

test('a server that answers something else is told of', async (t) => {
  const wrong = measureLoad(at(await sayingPort(t, 'ERROR\r\n')), PLAN, QUICK);
  await assert.rejects(wrong, /unexpected reply: ERROR/);
  const silent = measureLoad(at(await sayingPort(t, '')), PLAN, { ...QUICK, silenceMsMax: 500 });
  await assert.rejects(silent, /no reply within 0\.5 s/);
  const refused = measureLoad(at(1), PLAN, QUICK);
  await assert.rejects(refused, /connection lost: Connection refused/);
});

test('twincached bench says how much, and how soon', async (t) => {
  const server = `127.0.0.1:${await nodePort(t)}`;
  const words = ['-s', server, '-t', '1', '-c', '2', '-k', '10'];
  const [table, json] = [twincached(['bench', ...words]), twincached(['bench', ...words, '--json'])];
  assert.equal(await table.ended(), 0, table.stderr());
  const [first, ...rest] = table.stdout().split('\n');
  assert.equal(
    first,
    `${server}: 2 connections; 1 request in flight on each; 90 % gets; 10 keys, values of 100 bytes; text`,
  );
  assert.match(
    rest.join('\n'),
    /^ {2}requests\/s +\d+\n {2}p50 +\d+\.\d\d ms\n {2}p99 +.* ms\n {2}p99\.9 +.* ms\n$/,
  );
  assert.equal(await json.ended(), 0, json.stderr());
  const figures: Record<string, number> = JSON.parse(json.stdout());
  assert.deepEqual(Object.keys(figures), [
    'requests',
    'requestsPerSecond',
    'p50Micros',
    'p99Micros',
    'p999Micros',
  ]);
  assert.ok(Object.values(figures).every((figure) => Number.isInteger(figure) && figure > 0));
});

test('wrong command lines and servers that are not there: one line, exit code 1', async () => {
  const wrong: readonly (readonly [words: readonly string[], complaint: RegExp])[] = [
    [['-s', '127.0.0.1:1'], /^127\.0\.0\.1:1: connection lost: Connection refused\n$/],
    [['-s', '[::1'], /"\[::1": /],
    [['x'], /unexpected argument "x"/],
    [['-g', '101'], /--gets takes a number from 0 to 100, not "101"/],
    [['--depth', '0'], /--depth takes a number from 1 to 1000, not "0"/],
    [['-p', 'udp'], /--protocol takes text, meta, binary, not "udp"/],
    [['--nonsense'], /--nonsense/],
  ];
  await Promise.all(
    wrong.map(async ([words, complaint]) => {
      const command = twincached(['bench', ...words]);
      assert.equal(await command.ended(), 1, words.join(' '));
      assert.match(command.stderr(), complaint);
      assert.match(command.stderr(), /^[^\n]+\n$/, words.join(' '));
    }),
  );
});
