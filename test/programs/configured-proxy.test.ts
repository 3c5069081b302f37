import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { certificatePath } from '../../testing/certificates.ts';
import { AS_ROOT, freePorts, MEMCACHED, type Running, run, twincached } from '../../testing/processes.ts';
import { type Server, startNode, TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
/** What a failing test leaves behind would keep the file from ending. */
const started: Running[] = [];
function begun(process: Running): Running {
  started.push(process);
  return process;
}

after(async () => {
  for (const { child } of started) if (child.exitCode === null) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** On a busy machine a second is soon over. */
const PATIENT = 'defaults: { request-timeout: 20s, connect-timeout: 20s }';

let files = 0;
/** A configuration in a file of its own. */
function written(text: string): string {
  const path = join(folder, `proxy-${files++}.yaml`);
  writeFileSync(path, text);
  return path;
}

async function opened(proxy: Running, port: number): Promise<TextClient> {
  return until('an open port', async () => {
    if (proxy.child.exitCode !== null) throw new Error(proxy.stderr());
    return TextClient.connect(port);
  });
}

for (const transport of TRANSPORTS)
  describe(`a configured proxy on the ${transport} transport`, () => {
    let nodes: Server[];
    before(async () => {
      nodes = await Promise.all([startNode(['-m', '16']), startNode(['-m', '16'])]);
    });
    after(async () => {
      for (const node of nodes) await node.process.kill();
    });
    let proxy: Running;
    afterEach(async () => {
      if (proxy.child.exitCode === null) await proxy.kill('SIGKILL');
    });
    const address = (index: number): string => `127.0.0.1:${nodes[index]!.port}`;

    test('equal gets are sent once, and every client reads its own writes, on two threads', async () => {
      const [port = 0] = await freePorts(1);
      const path = written(
        `listen: 127.0.0.1:${port}\nthreads: 2\n${PATIENT}\npools:\n  a: { servers: ["${address(0)}"] }\nroute: { type: coalesce, route: a }\n`,
      );
      proxy = begun(twincached(['proxy', '-c', path], { TWINCACHED_TRANSPORT: transport }));
      const first = await opened(proxy, port);
      const clients = [first, ...(await Promise.all([1, 2, 3].map(() => TextClient.connect(port))))];
      const node = await TextClient.connect(nodes[0]!.port);
      const sent = async (): Promise<number> => Number((await node.stats()).get('cmd_get'));
      let asked = 0;
      const before = await sent();
      await until('fewer gets at the node than clients sent', async () => {
        for (const client of clients) {
          const mark = `value${asked}`;
          assert.equal(await client.set('shared', mark), 'STORED');
          const values = await Promise.all(Array.from({ length: 50 }, () => client.get('shared')));
          asked += values.length;
          assert.deepEqual([...new Set(values)], [mark]);
        }
        return (await sent()) - before < asked || null;
      });
      for (const client of [...clients, node]) client.close();
    });

    test('routes change with the file, without a client noticing, and a bad file changes nothing', async () => {
      const [port = 0] = await freePorts(1);
      const configuration = (route: string): string =>
        `listen: 127.0.0.1:${port}\n${PATIENT}\npools:\n  a: { servers: ["${address(0)}"] }\n  b: { servers: ["${address(1)}"] }\nroute: ${route}\n`;
      const path = written(configuration('a'));
      proxy = begun(twincached(['proxy', '-c', path], { TWINCACHED_TRANSPORT: transport }));
      const client = await opened(proxy, port);
      const [a, b] = await Promise.all(nodes.map((node) => TextClient.connect(node.port)));
      assert.ok(a !== undefined && b !== undefined);
      assert.equal(await client.set('key', 'one'), 'STORED');
      assert.deepEqual([await a.get('key'), await b.get('key')], ['one', null]);
      assert.equal((await client.stats()).get('config_loads'), '1');

      writeFileSync(path, configuration('{ type: replicate, children: [a, b] }'));
      await until('both are written', async () => {
        await client.set('key', 'two');
        return (await b.get('key')) === 'two' || null;
      });
      assert.equal(await a.get('key'), 'two');

      writeFileSync(path, configuration('c'));
      proxy.child.kill('SIGHUP');
      await until(
        'the failure is counted',
        async () => Number((await client.stats()).get('config_failures')) > 0 || null,
      );
      await until(
        'the mistake is told',
        () => /proxy-\d+\.yaml:6:8: there is no pool "c"; write one of a, b\n/.test(proxy.stderr()) || null,
      );
      assert.equal(await client.set('key', 'three'), 'STORED');
      assert.deepEqual([await a.get('key'), await b.get('key')], ['three', 'three']);
      for (const one of [client, a, b]) one.close();
      assert.equal(await proxy.kill(), 0);
    });

    test('a file that says what it said before leaves the routes alone, and what they know', async () => {
      const [port = 0] = await freePorts(1);
      const path = written(
        `listen: 127.0.0.1:${port}\n${PATIENT}\npools:\n  a: { servers: ["${address(0)}"] }\n  b: { servers: ["${address(1)}"] }\nroute: { type: shadow, route: a, shadow: b, fraction: 1 }\n`,
      );
      proxy = begun(twincached(['proxy', '-c', path], { TWINCACHED_TRANSPORT: transport }));
      const client = await opened(proxy, port);
      for (let i = 0; i < 5; i++) assert.equal(await client.set(`key${i}`, 'x'), 'STORED');
      assert.equal((await client.stats()).get('shadow_sent'), '5');
      proxy.child.kill('SIGHUP');
      await until('it is read again', async () => (await client.stats()).get('config_loads') === '2' || null);
      assert.equal((await client.stats()).get('shadow_sent'), '5');
      client.close();
      assert.equal(await proxy.kill(), 0);
    });

    test('a server that a name stands for', async () => {
      const [port = 0] = await freePorts(1);
      const path = written(
        `listen: 127.0.0.1:${port}\n${PATIENT}\npools: { a: { servers: ["localhost:${nodes[0]!.port}"] } }\n`,
      );
      proxy = begun(twincached(['proxy', '-c', path], { TWINCACHED_TRANSPORT: transport }));
      const client = await opened(proxy, port);
      assert.equal(await client.set('named', 'x'), 'STORED');
      client.close();
      assert.equal(await proxy.kill(), 0);
    });
  });

describe('routes over real servers', () => {
  const kinds = MEMCACHED === null ? ['node'] : ['node', 'memcached'];
  for (const kind of kinds)
    test(`a cold ${kind} is filled from a warm one, with the life that is left there`, async () => {
      const [port = 0, ...ports] = await freePorts(3);
      const servers = ports.map((own) =>
        kind === 'memcached' && MEMCACHED !== null
          ? begun(run(MEMCACHED, [...AS_ROOT, '-l', '127.0.0.1', '-p', `${own}`, '-U', '0']))
          : begun(twincached(['memcached', ...AS_ROOT, '-l', '127.0.0.1', '-p', `${own}`])),
      );
      const [cold, warm] = await Promise.all(
        ports.map((own) => until('an open port', () => TextClient.connect(own))),
      );
      assert.ok(cold !== undefined && warm !== undefined);
      const path = written(
        `listen: 127.0.0.1:${port}\n${PATIENT}\npools:\n  cold: { servers: ["127.0.0.1:${ports[0]}"] }\n  warm: { servers: ["127.0.0.1:${ports[1]}"] }\nroute: { type: warm-up, cold: cold, warm: warm }\n`,
      );
      const proxy = begun(twincached(['proxy', '-c', path]));
      const client = await opened(proxy, port);
      const large = 'x'.repeat(300_000);
      assert.equal(await warm.set('short', 'a', 1000), 'STORED');
      assert.equal(await warm.set('forever', large), 'STORED');
      // At first the cold side may not have answered its probe; then it is not asked, and not filled.
      for (const [key, value] of [
        ['short', 'a'],
        ['forever', large],
      ] as const)
        await until(`${key} is filled`, async () => {
          assert.equal(await client.get(key), value);
          return (await cold.get(key)) === value || null;
        });
      const left = Number(/^HD t(\d+)/.exec(await cold.ask('mg short t'))?.[1]);
      assert.ok(left > 900 && left <= 1000, `${left} s are left`);
      assert.match(await cold.ask('mg forever t'), /^HD t-1/);
      assert.match(await client.ask('gets short'), /^VALUE short 0 1 \d+\r\na\r\nEND/);
      assert.equal(await client.get('none'), null);
      for (const one of [client, cold, warm]) one.close();
      assert.equal(await proxy.kill(), 0);
      for (const server of servers) await server.kill();
    });
});

test('servers with TLS', async () => {
  const node = await startNode([
    '-m',
    '16',
    '-Z',
    '-o',
    `ssl_chain_cert=${certificatePath('server.pem')},ssl_key=${certificatePath('server-key.pem')}`,
  ]);
  const [port = 0] = await freePorts(1);
  const tls = (authority: string): string =>
    `{ authority: ${certificatePath(authority)}, certificate: ${certificatePath('client.pem')}, key: ${certificatePath('client-key.pem')} }`;
  const configuration = (authority: string): string =>
    `listen: 127.0.0.1:${port}\n${PATIENT}\npools: { a: { servers: ["127.0.0.1:${node.port}"], tls: ${tls(authority)} } }\n`;
  const trusting = begun(twincached(['proxy', '-c', written(configuration('authority.pem'))]));
  const client = await opened(trusting, port);
  assert.equal(await client.set('key', 'x'), 'STORED');
  assert.equal(await client.get('key'), 'x');
  client.close();
  assert.equal(await trusting.kill(), 0);
  const strange = begun(twincached(['proxy', '-c', written(configuration('twins-authority.pem'))]));
  const refused = await opened(strange, port);
  assert.match(await refused.set('key', 'x'), /^SERVER_ERROR /);
  refused.close();
  assert.equal(await strange.kill(), 0);
  assert.equal(await node.process.kill(), 0);
});

test('-t, --schema and what is refused', async () => {
  const good = written('listen: :1\npools: { a: { servers: [h] } }\n');
  const bad = written('listen: :1\npools: { a: { servers: [] } }\nroute: b\n');
  const cases: readonly (readonly [readonly string[], number, RegExp, RegExp])[] = [
    [['-t', '-c', good], 0, /: the configuration is good\n$/, /^$/],
    [['-t', '-c', bad], 1, /^$/, /:2:24: pools\.a\.servers is empty; write at least one server\n$/],
    [['-c', bad], 1, /^$/, /:2:24: /],
    [['-c', '/nowhere'], 1, /^$/, /^\/nowhere: cannot be read: no such file or directory\n$/],
    [[], 1, /^$/, /no configuration; write -c FILE\n/],
    [['-x'], 1, /^$/, /invalid option -- 'x'/],
    [['--schema'], 0, /"stand-in-exptime"/, /^$/],
    [['-h'], 0, /usage: twincached proxy -c <file>/, /^$/],
  ];
  for (const [words, code, out, err] of cases) {
    const proxy = begun(twincached(['proxy', ...words]));
    assert.equal(await proxy.ended(), code, words.join(' '));
    assert.match(proxy.stdout(), out);
    assert.match(proxy.stderr(), err);
  }
});
