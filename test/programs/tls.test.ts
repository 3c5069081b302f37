import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { startNode } from '../../src/node/main-thread.ts';
import { NODE_OPTIONS_DEFAULT, type NodeOptions, TLS_OPTIONS_DEFAULT } from '../../src/node/options.ts';
import { certificatePath, credentials } from '../../testing/certificates.ts';
import { AS_ROOT, freePorts, MEMCACHED, run, twincached } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';

const directory = mkdtempSync(join(tmpdir(), 'twincached-tls-'));
after(() => rmSync(directory, { recursive: true }));

const TRUSTING = { ca: credentials('server').ca };

/** A connection that is encrypted, or is not. */
class Client {
  readonly send: (text: string) => void;
  readonly #destroy: () => void;
  readonly subject: () => string;
  text = '';
  hasEnded = false;

  constructor(port: number, tls: ConnectionOptions | null = TRUSTING) {
    const socket =
      tls === null ? connect(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', ...tls });
    socket.setEncoding('latin1');
    socket.on('error', () => {});
    socket.on('close', () => {
      this.hasEnded = true;
    });
    socket.on('data', (text: string) => {
      this.text += text;
    });
    this.send = (text) => socket.write(text, 'latin1');
    this.#destroy = () => socket.destroy();
    this.subject = () => {
      const names = 'getPeerX509Certificate' in socket ? socket.getPeerX509Certificate()?.subject : undefined;
      return names ?? '';
    };
  }

  /** Sends requests. @returns all that comes until `end` */
  async ask(requests: string, end: string): Promise<string> {
    this.text = '';
    this.send(requests);
    await until(`an answer to ${requests.slice(0, 20)}`, () => {
      assert.ok(!this.hasEnded, 'closed');
      return this.text.endsWith(end);
    });
    return this.text;
  }

  async stats(which = ''): Promise<Map<string, string>> {
    const lines = (await this.ask(`stats${which}\r\n`, 'END\r\n')).split('\r\n');
    return new Map(
      lines.flatMap((line) => {
        const [, name, value] = /^STAT (\S+) (.*)$/.exec(line) ?? [];
        return name === undefined ? [] : [[name, value ?? '']];
      }),
    );
  }

  close(): void {
    this.#destroy();
  }
}

/** Each with TLS of its own kind. */
const OPTIONS: NodeOptions = {
  ...NODE_OPTIONS_DEFAULT,
  listen: [
    { host: '127.0.0.1', port: 0, tls: 'none' },
    { host: '127.0.0.1', port: 0 },
    { host: '127.0.0.1', port: 0, tls: 'mutual' },
  ],
  tcpPort: 0,
  threads: 2,
  connectionsMax: 20,
  memoryBytesMax: 64 * 1024 * 1024,
  tls: {
    ...TLS_OPTIONS_DEFAULT,
    chainFile: certificatePath('server.pem'),
    keyFile: certificatePath('server-key.pem'),
    authoritiesFile: certificatePath('authority.pem'),
  },
};

for (const transport of ['reactor', 'portable'] as const) {
  test(`clients with TLS and without share one cache (${transport})`, async () => {
    const node = await startNode(OPTIONS, transport);
    const [plainPort = 0, tlsPort = 0, mutualPort = 0] = node.addresses.map(({ address }) =>
      address.family === 'unix' ? 0 : address.port,
    );
    assert.deepEqual(
      node.addresses.map(({ tls }) => tls),
      [false, true, true],
    );
    assert.equal(node.port, plainPort);
    const plain = new Client(plainPort, null);
    const secret = new Client(tlsPort);
    const known = new Client(mutualPort, credentials('client'));
    assert.equal(await plain.ask('set a 0 0 3\r\none\r\n', '\r\n'), 'STORED\r\n');
    assert.equal(await secret.ask('get a\r\n', 'END\r\n'), 'VALUE a 0 3\r\none\r\nEND\r\n');
    const value = 'abcdefghij'.repeat(60_000);
    assert.equal(await secret.ask(`set long 0 0 600000\r\n${value}\r\n`, '\r\n'), 'STORED\r\n');
    for (const client of [plain, known]) {
      const reply = await client.ask('get long\r\n', 'END\r\n');
      assert.ok(reply === `VALUE long 0 600000\r\n${value}\r\nEND\r\n`);
    }
    // What all threads are asked for, on each kind of thread.
    for (const client of [plain, secret]) {
      const connections = await client.ask('stats conns\r\n', 'END\r\n');
      assert.equal(connections.match(/conn_listening/g)?.length, 3);
      assert.equal(connections.match(/:listen_addr/g)?.length, 3);
    }
    // The limit counts both.
    const more = Array.from(
      { length: 17 },
      (_, i) => new Client(i % 2 === 0 ? plainPort : tlsPort, i % 2 === 0 ? null : TRUSTING),
    );
    for (const client of more) await client.ask('mn\r\n', 'MN\r\n');
    for (const [port, tls] of [
      [plainPort, null],
      [tlsPort, TRUSTING],
    ] as const) {
      const surplus = new Client(port, tls);
      await until('the end', () => surplus.hasEnded);
      assert.equal(surplus.text, 'ERROR Too many open connections\r\n');
    }
    for (const client of more) client.close();

    const nobody = new Client(mutualPort);
    await until('a client without a certificate to be closed', () => nobody.hasEnded);
    const wrong = new Client(tlsPort, null);
    wrong.send('get a\r\n');
    await until('a client without TLS to be closed', () => wrong.hasEnded);
    await until('both to be counted', async () => {
      const stats = await plain.stats();
      return stats.get('ssl_handshake_errors') === '2' && stats.get('ssl_proto_errors') === '0';
    });
    for (const client of [plain, secret, known]) client.close();
    await node.stop();
  });
}

test('certificates are read again by refresh_certs and reload; a bad file changes nothing', async () => {
  const chainFile = join(directory, 'chain.pem');
  const keyFile = join(directory, 'key.pem');
  const install = (name: string): void => {
    copyFileSync(certificatePath(`${name}.pem`), chainFile);
    copyFileSync(certificatePath(`${name}-key.pem`), keyFile);
  };
  install('server');
  const tls = { ...TLS_OPTIONS_DEFAULT, chainFile, keyFile };
  const node = await startNode({ ...OPTIONS, tls, listen: OPTIONS.listen.slice(0, 2) });
  const [plainPort = 0, tlsPort = 0] = node.addresses.map(({ address }) =>
    address.family === 'unix' ? 0 : address.port,
  );
  const before = new Client(tlsPort);
  const plain = new Client(plainPort, null);
  const shownNow = async (): Promise<string> => {
    const client = new Client(tlsPort);
    await client.ask('mn\r\n', 'MN\r\n');
    const subject = client.subject();
    client.close();
    return subject;
  };
  assert.equal(await shownNow(), 'CN=server');
  install('renewed');
  assert.equal(await shownNow(), 'CN=server');
  for (const [client, name] of [
    [plain, 'renewed'],
    [before, 'server'],
  ] as const) {
    install(name);
    assert.equal(await client.ask('refresh_certs\r\nmn\r\n', 'MN\r\n'), 'OK\r\nMN\r\n');
    assert.equal(await shownNow(), `CN=${name}`);
  }
  assert.equal(await plain.ask('refresh_certs noreply\r\nmn\r\n', 'MN\r\n'), 'MN\r\n');
  writeFileSync(chainFile, 'junk');
  const reply = await plain.ask('refresh_certs\r\nmn\r\n', 'MN\r\n');
  assert.match(reply, /^Error loading the certificate chain: \S+chain.pem : .*no start line\r\nMN\r\n$/);
  assert.equal(await shownNow(), 'CN=server');
  install('renewed');
  node.reload();
  await until('the new certificate', async () => (await shownNow()) === 'CN=renewed');
  assert.equal(await before.ask('mn\r\n', 'MN\r\n'), 'MN\r\n');
  before.close();
  plain.close();
  await node.stop();
});

test("statistics and settings have memcached's fields, as many as its test suite counts", async () => {
  const extended = { ...OPTIONS.extended, lruCrawler: false, lruMaintainer: false };
  const beforeMs = performance.now();
  const node = await startNode({ ...OPTIONS, extended, listen: OPTIONS.listen.slice(1, 2) });
  const client = new Client(node.port);
  const stats = await client.stats();
  assert.equal(stats.size, 87);
  assert.equal(stats.get('ssl_handshake_errors'), '0');
  assert.equal(stats.get('ssl_proto_errors'), '0');
  const refreshed = stats.get('time_since_server_cert_refresh') ?? '';
  assert.match(refreshed, /^\d+$/);
  // Whole seconds, counted since the node was started.
  assert.ok(Number(refreshed) <= (performance.now() - beforeMs) / 1000 + 1, refreshed);
  const settings = await client.stats(' settings');
  assert.deepEqual(
    [...settings].filter(([name]) => name.startsWith('ssl_')),
    [
      ['ssl_enabled', 'yes'],
      ['ssl_chain_cert', certificatePath('server.pem')],
      ['ssl_key', certificatePath('server-key.pem')],
      ['ssl_verify_mode', '0'],
      ['ssl_keyformat', '1'],
      ['ssl_ciphers', 'NULL'],
      ['ssl_ca_cert', certificatePath('authority.pem')],
      ['ssl_wbuf_size', '16384'],
      ['ssl_session_cache', 'no'],
      ['ssl_kernel_tls', 'no'],
      ['ssl_min_version', 'tlsv1.2'],
    ],
  );
  client.close();
  await node.stop();
});

test('without TLS there is nothing to read again', async () => {
  const node = await startNode({ ...OPTIONS, tls: null, listen: [{ host: '127.0.0.1', port: null }] });
  const client = new Client(node.port, null);
  assert.equal(await client.ask('refresh_certs\r\n', '\r\n'), 'Error TLS not enabled\r\n');
  client.close();
  await node.stop();
});

const good = `ssl_chain_cert=${certificatePath('server.pem')},ssl_key=${certificatePath('server-key.pem')}`;
const programs = [
  ['ours', (args: readonly string[]) => twincached(['memcached', ...args]), false],
  [
    'the installed memcached',
    (args: readonly string[]) => run(MEMCACHED ?? '', args),
    MEMCACHED === null ? 'memcached is not installed' : false,
  ],
] as const;

for (const [name, start, skip] of programs) {
  describe(`TLS on the command line, ${name}`, { skip }, () => {
    test('a client is served, with TLS and where there is none', async () => {
      const [port = 0, plainPort = 0] = await freePorts(2);
      const listen = `127.0.0.1:${port},notls:127.0.0.1:${plainPort}`;
      const server = start(['-l', listen, '-Z', '-o', good, ...AS_ROOT]);
      const client = await until('an answer', () => answers(port));
      assert.equal(await client.ask('set a 0 0 1\r\nx\r\n', '\r\n'), 'STORED\r\n');
      const plain = new Client(plainPort, null);
      assert.equal(await plain.ask('get a\r\n', 'END\r\n'), 'VALUE a 0 1\r\nx\r\nEND\r\n');
      for (const one of [client, plain]) one.close();
      await server.kill();
    });

    test('what cannot be is refused at the start', async () => {
      const chain = certificatePath('server.pem');
      const other = certificatePath('client-key.pem');
      for (const [words, message] of [
        [
          'ssl_chain_cert=/none',
          /^Error loading the certificate chain: \/none : .*No such file or directory$/m,
        ],
        [
          `ssl_chain_cert=${chain},ssl_key=/none`,
          /^Error loading the key: \/none : .*No such file or directory$/m,
        ],
        [`ssl_chain_cert=${chain},ssl_key=${other}`, /^Error loading the key: \S+ : .*key values mismatch$/m],
        [
          `${good},ssl_ca_cert=/none`,
          /^Error loading the CA certificate: \/none : .*No such file or directory$/m,
        ],
        [`${good},ssl_ciphers=none`, /^Error setting the provided cipher\(s\): none$/m],
      ] as const) {
        const server = start(['-l', '127.0.0.1', '-p', '11311', '-Z', '-o', words, ...AS_ROOT]);
        assert.equal(await server.ended(), 64, words);
        assert.match(server.stderr(), message);
        if (name === 'ours') assert.equal(server.stderr().trim().split('\n').length, 1);
      }
    });
  });
}

/** @returns a client, once the port takes one */
async function answers(port: number): Promise<Client> {
  const client = new Client(port);
  client.send('version\r\n');
  await until('an answer or an end', () => client.hasEnded || client.text.endsWith('\r\n'));
  assert.ok(!client.hasEnded);
  return client;
}
