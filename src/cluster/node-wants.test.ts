import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { certificatePath } from '../../testing/certificates.ts';
import { serveTcp } from '../../testing/tcp-server.ts';
import { type ClusterDescription, parseClusterFile } from './cluster-file.ts';
import { changesWants, NodeWants } from './node-wants.ts';
import { planCluster } from './planned-cluster.ts';

const TLS = `-Z, -o, "ssl_chain_cert=${certificatePath('server.pem')}"`;

function cluster(port: number, options: string): ClusterDescription {
  return parseClusterFile(
    'c.yml',
    `hosts: { here: 127.0.0.2, there: 127.0.0.1 }
shards:
  - { name: one, replication-port: 1, twins: [{ host: here, port: 2 }, { host: there, port: ${port} }], options: [${options}] }
proxies: []
`,
  );
}

function here(description: ClusterDescription): ReturnType<typeof planCluster>['services'] {
  const source = { file: 'c.yml', directory: '/state', host: 'here', command: ['T'] };
  return planCluster(description, source, new Map()).services;
}

test('nodes of this host are as they were started, those elsewhere as they answer, until all is settled', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-wants-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const users = join(directory, 'users');
  writeFileSync(users, 'ann:secret\n');
  const port = await serveTcp(t, (socket) =>
    socket.on('data', (bytes) => {
      const text = bytes.toString('latin1');
      // In the clear, whoever comes; nothing else.
      if (!/^[a-z]/.test(text)) socket.destroy();
      if (text.startsWith('version\r\n')) socket.write('VERSION 1.6.45\r\n');
      if (text.includes('stats\r\n')) socket.write('STAT pid 1\r\nEND\r\nEND\r\n');
    }),
  );
  const before = cluster(port, '');
  const [plain, withTls, withLogin] = ['', TLS, `-Y, "${users}"`].map((options) => cluster(port, options));
  assert.ok(plain !== undefined && withTls !== undefined && withLogin !== undefined);
  const services = here(before);
  const [node] = services;
  const [soon] = here(withTls);
  assert.ok(node !== undefined && soon !== undefined);
  const wants = new NodeWants(() => services);
  const there = `127.0.0.1:${port}`;
  assert.deepEqual([...wants.all], [['127.0.0.2:2', null]]);
  assert.deepEqual([changesWants(node, soon), changesWants(node, node)], [true, false]);

  // It does not speak TLS yet.
  await wants.look(before, withTls);
  assert.deepEqual(
    [...wants.all],
    [
      [there, null],
      ['127.0.0.2:2', null],
    ],
  );
  assert.equal(soon.twins[0]?.access?.authFile, null);
  assert.equal(wants.twinsOf(soon).twins[0]?.access, undefined);
  // It has ceased to.
  wants.settle();
  await wants.look(withTls, plain);
  assert.equal(wants.all.get(there), null);
  assert.equal(wants.twinsOf(soon).twins[0]?.access, undefined);
  wants.settle();
  assert.deepEqual([...wants.all], [['127.0.0.2:2', null]]);
  assert.deepEqual(wants.twinsOf(soon).twins, soon.twins);
  // Who wants no login yet is spoken to by one who would log in.
  await wants.look(before, withLogin);
  assert.deepEqual(wants.all.get(there), { tls: null, authFile: users });
});
