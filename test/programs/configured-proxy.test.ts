import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { certificatePath } from '../../testing/certificates.ts';
import { freePorts, type Running, twincached } from '../../testing/processes.ts';
import { type Server, startNode, TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

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

    test('routes change with the file, without a client noticing, and a bad file changes nothing', async () => {
      const [port = 0] = await freePorts(1);
      const configuration = (route: string): string =>
        `listen: 127.0.0.1:${port}\npools:\n  a: { servers: ["${address(0)}"] }\n  b: { servers: ["${address(1)}"] }\nroute: ${route}\n`;
      const path = written(configuration('a'));
      proxy = twincached(['proxy', '-c', path], { TWINCACHED_TRANSPORT: transport });
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
      assert.match(proxy.stderr(), /proxy-\d+\.yaml:5:8: there is no pool "c"; write one of a, b\n/);
      assert.equal(await client.set('key', 'three'), 'STORED');
      assert.deepEqual([await a.get('key'), await b.get('key')], ['three', 'three']);
      for (const one of [client, a, b]) one.close();
      assert.equal(await proxy.kill(), 0);
    });

    test('a server that a name stands for', async () => {
      const [port = 0] = await freePorts(1);
      const path = written(
        `listen: 127.0.0.1:${port}\npools: { a: { servers: ["localhost:${nodes[0]!.port}"] } }\n`,
      );
      proxy = twincached(['proxy', '-c', path], { TWINCACHED_TRANSPORT: transport });
      const client = await opened(proxy, port);
      assert.equal(await client.set('named', 'x'), 'STORED');
      client.close();
      assert.equal(await proxy.kill(), 0);
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
    `listen: 127.0.0.1:${port}\npools: { a: { servers: ["127.0.0.1:${node.port}"], tls: ${tls(authority)} } }\n`;
  const trusting = twincached(['proxy', '-c', written(configuration('authority.pem'))]);
  const client = await opened(trusting, port);
  assert.equal(await client.set('key', 'x'), 'STORED');
  assert.equal(await client.get('key'), 'x');
  client.close();
  assert.equal(await trusting.kill(), 0);
  const strange = twincached(['proxy', '-c', written(configuration('twins-authority.pem'))]);
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
    const proxy = twincached(['proxy', ...words]);
    assert.equal(await proxy.ended(), code, words.join(' '));
    assert.match(proxy.stdout(), out);
    assert.match(proxy.stderr(), err);
  }
});
