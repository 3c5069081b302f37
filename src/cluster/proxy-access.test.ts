import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { parseConfiguration } from '../proxy/configuration-file.ts';
import { parseClusterFile } from './cluster-file.ts';
import type { PlannedService } from './plan.ts';
import { planCluster } from './planned-cluster.ts';
import type { NodesWant } from './proxy-configuration.ts';

interface Configuration {
  readonly transport?: string;
  readonly pools: Readonly<Record<string, { readonly servers: readonly unknown[] }>>;
}

/** The proxy of a cluster. */
function planned(text: string, wants: NodesWant = new Map()): PlannedService {
  const source = { file: 'c.yml', directory: '/state', host: null, command: ['T'] };
  const { services } = planCluster(parseClusterFile('c.yml', text), source, new Map(), new Map(), wants);
  const proxy = services.at(-1);
  assert.equal(proxy?.name, 'users');
  return proxy;
}

/** What it is told. */
function configurationOf({ configuration }: PlannedService): Configuration {
  const text = configuration?.text ?? '';
  parseConfiguration('users.yml', text, { read: () => 'user:password' });
  // Cast: our own writer's text; a wrong shape fails the assertions that follow.
  return JSON.parse(text) as Configuration;
}

function withOptions(options: string, ofProxy = ''): string {
  return `shards:
  - { name: one, replication-port: 1, twins: [{ port: 2 }, { port: 3 }], options: [${options}] }
  - { name: two, replication-port: 4, twins: [{ port: 5 }] }
proxies:
  - { name: users, port: 6${ofProxy} }
`;
}

test('nodes that nobody of the cluster could speak to are refused, and proxies that could not speak to them', () => {
  const tls = '-Z, -o, "ssl_chain_cert=/a.pem"';
  for (const [options, ofProxy, words] of [
    ['-v, -S', '', '-S: the monitor and proxies do not log in by the binary protocol; write "-Y"'],
    ['-Z', '', 'TLS needs a certificate; write "-o", "ssl_chain_cert=FILE" behind it'],
    ['-vS', '', '-S: the monitor and proxies do not log in by the binary protocol'],
    [
      '-Z, "-ossl_chain_cert=/a,ssl_verify_mode=2,ssl_keyformat=DER"',
      '',
      'the monitor and proxies have to show a certificate, and read keys in PEM only; write a key in PEM',
    ],
    [tls, ', threads: 2', 'a proxy that speaks TLS with nodes has one thread, not 2; leave it out'],
  ] as const)
    assert.throws(
      () => planned(withOptions(options, ofProxy)),
      (error) =>
        error instanceof StartError &&
        (ofProxy === '' ? /^c\.yml:2:\d+: / : /^c\.yml:5:38: /).test(error.message) &&
        error.message.includes(words),
      options,
    );
  assert.equal(planned(withOptions(tls, ', threads: 2, to: [two]')).configuration?.path, '/state/users.yml');
});

test('proxies log in, and speak TLS, where nodes want it: as the monitor does', () => {
  const [login, tls] = ['/etc/users', { 'server-certificate': '/a.pem' }];
  for (const [options, wanted] of [
    ['-Y, /etc/users', { 'login-file': login }],
    ['--auth-file=/etc/users', { 'login-file': login }],
    ['-vY/etc/users', { 'login-file': login }],
    ['-Z, -o, "ssl_chain_cert=/a.pem"', { tls }],
    ['-vkZo, "ssl_chain_cert=/a.pem,ssl_ca_cert=/ca.pem"', { tls: { ...tls, authority: '/ca.pem' } }],
    [
      '-Z, -Y, /etc/users, -o, "ssl_chain_cert=/a.pem,ssl_key=/k.pem,ssl_verify_mode=1"',
      { tls: { ...tls, certificate: '/a.pem', key: '/k.pem' }, 'login-file': login },
    ],
    [
      '-Z, -o, "ssl_chain_cert=/a.pem,ssl_verify_mode=2"',
      { tls: { ...tls, certificate: '/a.pem', key: '/a.pem' } },
    ],
  ] as const) {
    const { pools, transport } = configurationOf(planned(withOptions(options)));
    const entry = (port: number): unknown => ({ address: `127.0.0.1:${port}`, ...wanted });
    assert.deepEqual(
      pools,
      {
        one: { servers: [entry(2), entry(3)] },
        two: { servers: ['127.0.0.1:5'], 'return-wait': '5s' },
      },
      options,
    );
    assert.equal(transport, 'tls' in wanted ? 'portable' : undefined);
  }
});

test('proxies speak to nodes as they run, whatever the file says already; TLS takes a start of the proxy, a login does not', () => {
  const [none, login, tls] = ['', '-Y, /u', '-Z, -o, "ssl_chain_cert=/a.pem"'].map((options) =>
    planned(withOptions(options)),
  );
  assert.deepEqual(login?.startsWith, none?.startsWith);
  assert.notDeepEqual(tls?.startsWith, none?.startsWith);
  const half = planned(withOptions('-Y, /u'), new Map([['127.0.0.1:2', null]]));
  assert.deepEqual(configurationOf(half).pools['one']?.servers, [
    '127.0.0.1:2',
    { address: '127.0.0.1:3', 'login-file': '/u' },
  ]);
  const others = planned(withOptions(''), new Map([['127.0.0.1:3', { tls: null, authFile: '/old' }]]));
  assert.deepEqual(configurationOf(others).pools['one']?.servers, [
    '127.0.0.1:2',
    { address: '127.0.0.1:3', 'login-file': '/old' },
  ]);
});
