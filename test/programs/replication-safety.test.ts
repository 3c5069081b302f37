import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { seededRandom } from '../../src/base/random.ts';
import { LINK_VERSION, LINK_VERSION_MIN, writeHello } from '../../src/replication/frames.ts';
import { FEATURE } from '../../src/replication/link-safety.ts';
import { certificatePath, credentials } from '../../testing/certificates.ts';
import { ChangeStorm } from '../../testing/change-storm.ts';
import { MemoryConnection } from '../../testing/memory-connection.ts';
import { AS_ROOT, freePorts, twincached } from '../../testing/processes.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { ReplicatedPair } from '../../testing/replicated-pair.ts';
import { startNode } from '../../testing/servers.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { TextClient } from '../../testing/text-client.ts';
import { TlsRelay } from '../../testing/tls-relay.ts';
import { until } from '../../testing/wait.ts';

const directory = mkdtempSync(join(tmpdir(), 'twincached-safety-'));
after(() => rmSync(directory, { recursive: true }));

const VARIABLE = 'TWINCACHED_REPLICATION_SECRET';
const SECRET = randomBytes(18).toString('hex');
const OTHER_SECRET = randomBytes(18).toString('hex');

function secretFile(secret: string, name = 'secret', mode = 0o600): string {
  const path = join(directory, name);
  writeFileSync(path, `${secret}\n`, { mode });
  return path;
}

type Name = 'twin' | 'expired' | 'server' | 'stranger';

/** Options of a node that shows this certificate and knows the twins' authority. */
function tls(name: Name, authority = 'twins-authority'): string[] {
  return [
    ...['--replication-tls-chain', certificatePath(`${name}.pem`)],
    ...['--replication-tls-key', certificatePath(`${name}-key.pem`)],
    ...['--replication-tls-ca', certificatePath(`${authority}.pem`)],
  ];
}

async function makePair(t: TestContext, options: readonly string[]): Promise<ReplicatedPair> {
  const pair = await ReplicatedPair.make(['-m', '32', '-t', '2', ...options]);
  t.after(() => pair.dispose());
  return pair;
}

/** Both nodes run, and a write on either is seen on the other. */
async function linkedClients(pair: ReplicatedPair): Promise<[TextClient, TextClient]> {
  const first = await pair.client(0);
  const second = await pair.client(1);
  await pair.linked(first);
  const large = 'L'.repeat(900_000);
  for (const [from, to, key] of [
    [first, second, 'of the first'],
    [second, first, 'of the second'],
  ] as const) {
    // With acks that are not to be done without: when it knows that the other one is in step.
    await until('writes are taken', async () => (await from.set('probe', '1')) === 'STORED');
    assert.equal(await from.set(key.replaceAll(' ', '_'), large), 'STORED');
    await until(key, async () => (await to.get(key.replaceAll(' ', '_'))) === large);
  }
  return [first, second];
}

const stat = async (client: TextClient, name: string): Promise<string | undefined> =>
  (await client.stats('replication')).get(`replication_${name}`);

for (const kind of ['file', 'environment'] as const) {
  test(`twins with a secret from the ${kind} are linked; it is nowhere to be seen`, async (t) => {
    const pair = await makePair(t, [
      '-vv',
      ...(kind === 'file' ? ['--replication-secret-file', secretFile(SECRET)] : []),
    ]);
    for (const side of [0, 1] as const) pair.launch(side, [], kind === 'file' ? {} : { [VARIABLE]: SECRET });
    const clients = await linkedClients(pair);
    for (const [side, client] of clients.entries()) {
      const node = pair.nodes[side];
      assert.ok(node !== null && node !== undefined);
      const commandLine = readFileSync(`/proc/${node.pid}/cmdline`, 'utf8');
      assert.ok(commandLine.includes('-vv') && !commandLine.includes(SECRET));
      for (const which of ['', 'settings', 'replication', 'conns']) {
        assert.ok(![...(await client.stats(which))].flat().join(' ').includes(SECRET), which);
      }
      assert.ok(node.stderr().includes('stats replication') && !node.stderr().includes(SECRET));
      assert.ok(!node.stdout().includes(SECRET));
      client.close();
    }
  });
}

for (const [name, ofFirst, ofSecond, firstSays, secondSays] of [
  [
    'different secrets',
    SECRET,
    OTHER_SECRET,
    /the secret of the peer is another one/,
    /the secret of the peer is another one/,
  ],
  [
    'a secret on one side only',
    SECRET,
    null,
    /this node has a secret and the peer has none/,
    /the peer wants a secret and this node has none/,
  ],
] as const) {
  test(`twins with ${name} are not linked, and both say so without -v, and serve`, async (t) => {
    const pair = await makePair(t, []);
    pair.launch(0, [], { [VARIABLE]: ofFirst });
    const first = await pair.client(0);
    assert.equal(await first.set('k', 'of the first'), 'STORED');
    pair.launch(1, [], ofSecond === null ? {} : { [VARIABLE]: ofSecond });
    const second = await pair.client(1);
    for (const [side, client, says] of [
      [0, first, firstSays],
      [1, second, secondSays],
    ] as const) {
      await until('it is said', () => says.test(pair.nodes[side]?.stderr() ?? ''));
      await until('it is counted', async () => Number(await stat(client, 'refused_secret')) > 2);
      // Once a minute at most, however often it is tried.
      assert.equal(pair.nodes[side]?.stderr().match(/no link/g)?.length, 1);
      assert.equal(await stat(client, 'links_made'), '0');
    }
    assert.equal(await second.get('k'), null);
    assert.equal(await first.get('k'), 'of the first');
    first.close();
    second.close();
  });
}

test('a secret that is changed while the nodes run leaves open links alone; new ones need the new one', async (t) => {
  const path = secretFile(SECRET, 'changing');
  const pair = await makePair(t, ['--replication-secret-file', path]);
  pair.launch(0);
  pair.launch(1);
  const [first, second] = await linkedClients(pair);
  const made = await stat(first, 'links_made');
  writeFileSync(path, 'short\n');
  pair.nodes[0]?.child.kill('SIGHUP');
  await until('a bad file is told of', () =>
    pair.nodes[0]?.stderr().includes('the secret of the twins has 5 bytes; 16 are needed'),
  );
  secretFile(OTHER_SECRET, 'changing');
  pair.nodes[0]?.child.kill('SIGHUP');
  assert.equal(await first.set('still', 'linked'), 'STORED');
  await until('the link is the same', async () => (await second.get('still')) === 'linked');
  assert.equal(await stat(first, 'links_made'), made);
  second.close();
  await pair.kill(1);
  // It reads the new secret when it starts; the other one knows it from the signal.
  pair.launch(1);
  const again = await pair.client(1);
  await pair.linked(first);
  assert.equal(await again.get('still'), 'linked');
  first.close();
  again.close();
});

test('certificates of the link that are renewed are shown to the next twin, by refresh_certs and by SIGHUP', async (t) => {
  const files = { chain: 'twin.pem', key: 'twin-key.pem', ca: 'twins-authority.pem' };
  const renewed = { chain: 'server.pem', key: 'server-key.pem', ca: 'authority.pem' };
  const options: string[] = [];
  const install = (names: typeof files): void => {
    for (const what of ['chain', 'key', 'ca'] as const)
      copyFileSync(certificatePath(names[what]), join(directory, `renewed-${what}`));
  };
  for (const what of ['chain', 'key', 'ca'])
    options.push(`--replication-tls-${what}`, join(directory, `renewed-${what}`));
  install(files);
  const pair = await makePair(t, options);
  pair.launch(0);
  pair.launch(1);
  const [first, second] = await linkedClients(pair);
  second.close();
  writeFileSync(join(directory, 'renewed-ca'), 'no certificate\n');
  assert.match(await first.ask('refresh_certs'), /^Error loading the CA certificate: /);
  for (const [names, renew] of [
    [renewed, async () => assert.equal(await first.ask('refresh_certs'), 'OK\r\n')],
    [files, async () => pair.nodes[0]?.child.kill('SIGHUP')],
  ] as const) {
    install(names);
    await renew();
    await pair.kill(1);
    // It shows what the files hold now, and would take nothing else.
    pair.launch(1);
    (await pair.client(1)).close();
    await pair.linked(first);
  }
  first.close();
});

test('a file that cannot be used is refused in one line; one that everybody can read is told of', async (t) => {
  const words = [
    'memcached',
    ...AS_ROOT,
    '-l',
    '127.0.0.1',
    '-p',
    '0',
    '-s',
    join(directory, 'socket'),
    '-X',
    '0',
  ];
  for (const [option, line] of [
    [
      ['--replication-secret-file', '/nowhere'],
      'cannot read the secret of the twins: /nowhere: No such file or directory\n',
    ],
    [
      ['--replication-secret-file', secretFile('short', 'short')],
      `${join(directory, 'short')}: the secret of the twins has 5 bytes; 16 are needed\n`,
    ],
    [
      tls('twin').with(1, '/nowhere'),
      'Error loading the certificate chain: /nowhere : No such file or directory\n',
    ],
    [
      tls('twin').with(3, certificatePath('server-key.pem')),
      /^Error loading the key: \S+server-key.pem : .*key values mismatch\n$/,
    ],
    [
      tls('twin').with(5, secretFile('junk', 'junk')),
      /^Error loading the CA certificate: \S+junk : no certificate or crl found\n$/,
    ],
  ] as const) {
    const node = twincached([...words, ...option]);
    t.after(() => node.kill('SIGKILL'));
    assert.notEqual(await node.ended(), 0);
    if (typeof line === 'string') assert.equal(node.stderr(), line);
    else assert.match(node.stderr(), line);
  }
  const path = secretFile(SECRET, 'readable', 0o644);
  const node = twincached([...words, '--replication-secret-file', path]);
  t.after(() => node.kill('SIGKILL'));
  await until('the warning', () =>
    node.stderr().includes(`can read the secret of the twins: chmod 600 ${path}\n`),
  );
  assert.equal(await node.kill(), 0);
});

/** A client that speaks TLS: sends one request, gives all that comes until `end`. */
async function askOverTls(port: number, host: string, request: string, end: string): Promise<string> {
  const socket = connectTls({ port, host, rejectUnauthorized: false });
  let text = '';
  socket.setEncoding('latin1');
  socket.on('error', () => {});
  socket.on('data', (piece: string) => {
    text += piece;
  });
  socket.write(request, 'latin1');
  try {
    return await until(`an answer to ${request.slice(0, 20)}`, () => (text.endsWith(end) ? text : null));
  } finally {
    socket.destroy();
  }
}

test('links with TLS, secret and compression, beside four data threads and clients with TLS', async (t) => {
  const certificate = `ssl_chain_cert=${certificatePath('server.pem')},ssl_key=${certificatePath('server-key.pem')}`;
  const pair = await makePair(t, [
    ...['-t', '4', '-Z', '-o', certificate, ...tls('twin')],
    ...['--replication-compress', '1000', '--replication-secret-file', secretFile(SECRET)],
  ]);
  const [plainPort = 0] = await freePorts(1);
  for (const side of [0, 1] as const) pair.launch(side, ['-l', `notls:${pair.hosts[side]}:${plainPort}`]);
  const client = (side: 0 | 1): Promise<TextClient> =>
    until(`node ${side} is open`, () => TextClient.connect(plainPort, pair.hosts[side]), 60_000);
  const [first, second] = [await client(0), await client(1)];
  await pair.linked(first);
  const large = 'twins '.repeat(150_000);
  assert.equal(await first.set('large', large), 'STORED');
  await until('it arrives', async () => (await second.get('large')) === large);
  const [host, port] = [pair.hosts[1], pair.ports[1]];
  assert.equal(await askOverTls(port, host, 'set tls 0 0 3\r\nabc\r\n', '\r\n'), 'STORED\r\n');
  await until('it arrives', async () => (await first.get('tls')) === 'abc');
  assert.equal(await askOverTls(port, host, 'get tls\r\n', 'END\r\n'), 'VALUE tls 0 3\r\nabc\r\nEND\r\n');
  await until('it is counted', async () => Number(await stat(first, 'compression_saved_bytes')) > 500_000);
  // From all threads of one node, with many connections.
  const writers = await Promise.all(Array.from({ length: 12 }, () => client(0)));
  await Promise.all(
    writers.map(async (writer, index) => {
      for (let i = 0; i < 50; i++) assert.equal(await writer.set(`of${index}_${i}`, `${i}`), 'STORED');
    }),
  );
  await until('the last of each arrives', async () => {
    for (const index of writers.keys()) if ((await second.get(`of${index}_49`)) !== '49') return false;
    return true;
  });
  for (const one of [...writers, first, second]) one.close();
  for (const node of pair.nodes) assert.equal(await node?.kill(), 0);
});

test('one who has a certificate and sits between two twins cannot pass their proofs on', async (t) => {
  for (const withSecret of [false, true]) {
    const [port = 0, nearPort = 0] = await freePorts(2);
    const options = ['-m', '16', ...tls('twin')];
    if (withSecret) options.push('--replication-secret-file', secretFile(SECRET));
    const far = await startNode([...options, '-X', `${port}`]);
    t.after(() => far.process.kill('SIGKILL'));
    const relay = await TlsRelay.to(port, '127.0.0.1', credentials('twin'));
    t.after(() => relay.close());
    const near = await startNode([...options, '-x', `127.0.0.1:${relay.port}`, '-X', `${nearPort}`]);
    t.after(() => near.process.kill('SIGKILL'));
    const [here, there] = [await TextClient.connect(near.port), await TextClient.connect(far.port)];
    assert.equal(await there.set('k', 'v'), 'STORED');
    if (withSecret) {
      for (const client of [here, there])
        await until('it is found out', async () => Number(await stat(client, 'refused_secret')) > 1);
      assert.equal(await stat(here, 'links_made'), '0');
      assert.equal(await here.get('k'), null);
      assert.ok(relay.bytes > 0);
    } else {
      // It is a good relay: without a secret its certificate is all that is asked for.
      await until('it arrives', async () => (await here.get('k')) === 'v');
    }
    for (const client of [here, there]) client.close();
  }
});

test('a twin with TLS is killed and started again under load: nothing is lost, and they agree', async (t) => {
  const random = seededRandom(5);
  const pair = await makePair(t, tls('twin'));
  pair.launch(0);
  pair.launch(1);
  const first = await pair.client(0);
  (await pair.client(1)).close();
  await pair.linked(first);
  const keys = Array.from({ length: 100 }, (_, i) => `storm${i}`);
  const load = await SteadyLoad.start(pair.ports[0], pair.hosts[0]);
  const storms = [new ChangeStorm(pair, 0, keys, random), new ChangeStorm(pair, 1, keys, random)];
  await until('the load runs', () => load.answered > 300);
  await pair.kill(1);
  const answered = load.answered;
  await until('the other one goes on', () => load.answered > answered + 200);
  pair.launch(1);
  const second = await pair.client(1);
  for (const storm of storms) await storm.stop();
  const report = await load.stop();
  assert.deepEqual(report.errors, []);
  await pair.linked(first);
  await pair.agree(first, second, keys);
  first.close();
  second.close();
});

test('replies that wait for twins do so over TLS', async (t) => {
  const pair = await makePair(t, [...tls('twin'), '--acks', '1', '--ack-timeout', '30000', '--ack-refuse']);
  pair.launch(0);
  pair.launch(1);
  const [first, second] = await linkedClients(pair);
  const writers = await Promise.all(Array.from({ length: 6 }, () => pair.client(0)));
  await Promise.all(
    writers.map(async (writer, index) => {
      for (let i = 0; i < 50; i++) {
        assert.equal(await writer.set(`of${index}`, `${i}`), 'STORED');
        assert.equal(await second.get(`of${index}`), `${i}`);
      }
    }),
  );
  for (const one of [...writers, first, second]) one.close();
});

for (const [name, ofFirst, ofSecond, said] of [
  [
    'another authority',
    tls('twin'),
    tls('server', 'authority'),
    /TLS: the certificate is of another authority/,
  ],
  ['a certificate that has expired', tls('twin'), tls('expired'), /TLS: the certificate has expired/],
  [
    'a certificate that it has signed itself',
    tls('twin'),
    tls('stranger'),
    /TLS: the certificate is (signed by itself|of another authority)/,
  ],
  ['no TLS', tls('twin'), [], /TLS: the other side does not speak TLS/],
] as const) {
  test(`a twin with ${name} is not linked, and that is told and counted; both serve`, async (t) => {
    const pair = await makePair(t, []);
    pair.launch(0, ofFirst);
    const first = await pair.client(0);
    assert.equal(await first.set('k', 'of the first'), 'STORED');
    pair.launch(1, ofSecond);
    const second = await pair.client(1);
    await until('it is told', () => said.test(pair.nodes[0]?.stderr() ?? ''));
    await until('it is counted', async () => Number(await stat(first, 'refused_tls')) > 1);
    for (const client of [first, second]) assert.equal(await stat(client, 'links_made'), '0');
    assert.equal(await second.get('k'), null);
    assert.equal(await second.set('k', 'of the second'), 'STORED');
    assert.equal(await first.get('k'), 'of the first');
    first.close();
    second.close();
  });
}

for (const [name, options] of [
  ['with a secret', ['--replication-secret-file', secretFile(SECRET)]],
  ['with TLS', tls('twin')],
] as const) {
  test(`strangers of all kinds at a replication port ${name} get nothing and harm nobody`, async (t) => {
    const random = seededRandom(3);
    const pair = await makePair(t, ['-v', ...options]);
    pair.launch(0);
    pair.launch(1);
    const [first, second] = await linkedClients(pair);
    assert.equal(await first.set('treasure', 'hidden_in_here'), 'STORED');
    const load = await SteadyLoad.start(pair.ports[0], pair.hosts[0]);
    await until('the load runs', () => load.answered > 200);
    const junk = new Uint8Array(70_000);
    for (let i = 0; i < junk.length; i++) junk[i] = random.below(256);
    const hello = Buffer.concat([Buffer.from('twincached link 1\r\n'), strangerHello()]);
    const shouts: readonly (string | Uint8Array)[] = [
      '',
      'GET / HTTP/1.1\r\nHost: twin\r\n\r\n',
      'get treasure\r\n',
      'twincached link 1\r\n',
      'marugoto_end\r\nrep treasure 0 0 1 1\r\nx\r\n',
      junk,
      hello,
      Buffer.concat([hello, junk]),
      Buffer.concat([hello, hello]),
    ];
    const strangers: RawSocket[] = [];
    for (const shout of [...shouts, ...shouts]) {
      const stranger = await RawSocket.connect(pair.replicationPort, pair.hosts[0]);
      strangers.push(stranger);
      await stranger.send(shout);
    }
    const browser = connectTls({
      host: pair.hosts[0],
      port: pair.replicationPort,
      rejectUnauthorized: false,
      cert: credentials('stranger').cert,
      key: credentials('stranger').key,
    });
    let heard = '';
    let isGone = false;
    browser.on('error', () => {});
    browser.on('data', (bytes: Buffer) => {
      heard += bytes.toString('latin1');
    });
    browser.on('close', () => {
      isGone = true;
    });
    browser.write('twincached link 1\r\n');
    await until('the TLS client is sent away', () => isGone);
    for (const stranger of strangers) await stranger.readToEnd();
    for (const text of [heard, ...strangers.map(({ received }) => received)]) {
      // A greeting and a hello at most; or an alert of TLS.
      assert.ok(text.length < 200 && !text.includes('treasure') && !text.includes('hidden'), text);
    }
    await until('all are counted', async () => Number(await stat(first, 'strangers')) >= 2 * shouts.length);
    const answered = load.answered;
    await until('the load goes on', () => load.answered > answered + 200);
    const report = await load.stop();
    assert.deepEqual([report.errors, report.lost], [[], []]);
    assert.equal(await second.get('treasure'), 'hidden_in_here');
    assert.deepEqual(pair.lostLinks(0), []);
    await pair.linked(first);
    assert.equal(await stat(first, 'node_slot'), await stat(second, 'peer_0_node_slot'));
    first.close();
    second.close();
  });
}

/** A hello that is right in all respects, of somebody who claims to know the secret. */
function strangerHello(): Uint8Array {
  const { output } = new MemoryConnection();
  writeHello(output, {
    version: LINK_VERSION,
    versionMin: LINK_VERSION_MIN,
    features: FEATURE.secret,
    nodeId: 'ee'.repeat(16),
    slot: 0,
    fresh: false,
    full: false,
    slotsUsed: 255,
    highestVersion: 2 ** 52,
    wallMs: Date.now(),
    nonce: 'dd'.repeat(16),
  });
  return output.bytes.slice(output.start, output.at);
}
