import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePorts, twincached } from '../../testing/processes.ts';
import { startNode } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('SIGHUP reads the servers of the file again; a file that is wrong changes nothing', async () => {
  const nodes = await Promise.all([startNode(['-m', '16']), startNode(['-m', '16'])]);
  const [port = 0] = await freePorts(1);
  const path = join(folder, 'magent.conf');
  const write = (masters: string): void =>
    writeFileSync(
      path,
      `[General]\nmasters=${masters}\nport=${port}\nhost_ip=127.0.0.1\ndaemon_mode=false\n`,
    );
  write(`127.0.0.1:${nodes[0]!.port}`);
  const proxy = twincached(['magent', '-c', path]);
  const client = await until('an open port', () => TextClient.connect(port));
  assert.equal(await client.set('key', 'one'), 'STORED');
  write(`127.0.0.1:${nodes[1]!.port}`);
  proxy.child.kill('SIGHUP');
  await until('the other server is asked', async () => (await client.get('key')) === null || null);
  write('127.0.0.1:x');
  proxy.child.kill('SIGHUP');
  await until(
    'the mistake is told',
    () => proxy.stderr().includes('going on with the servers before') || null,
  );
  assert.match(proxy.stderr(), /magent\.conf:2:9: "127\.0\.0\.1:x" in masters: "x" is no port\n/);
  assert.equal(await client.get('key'), null);
  client.close();
  assert.equal(await proxy.kill(), 0);
  for (const node of nodes) await node.process.kill();
});

test('an address that is taken is told in magent’s words, with exit code 1', async () => {
  const node = await startNode(['-m', '16']);
  const proxy = twincached(['magent', '-D', '-l', '127.0.0.1', '-p', String(node.port), '-s', '127.0.0.1:1']);
  assert.equal(await proxy.ended(), 1);
  assert.equal(proxy.stderr(), `bind errno = 98: Address already in use (127.0.0.1:${node.port})\n`);
  await node.process.kill();
});
