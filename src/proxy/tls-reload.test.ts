import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { TLSSocket } from 'node:tls';
import { credentials, testCertificates } from '../../testing/certificates.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';
import type { TlsCertificates } from '../net/tls-server.ts';
import { startProxy } from './main-thread.ts';
import { POOL_DEFAULT, PROXY_OPTIONS_DEFAULT, type ProxyPool } from './options.ts';

/** The first byte of a TLS connection. */
const HANDSHAKE = 0x16;

/** What is open at the server: in the clear, or by whom. */
const open: string[] = [];

/** Answers `set` and `get`, in the clear or by TLS, as each client likes. */
const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.once('readable', () => {
    const first: unknown = socket.read(1);
    if (!Buffer.isBuffer(first)) return;
    socket.unshift(first);
    if (first[0] !== HANDSHAKE) {
      serve(socket, 'plain');
      return;
    }
    const options = { ...credentials('server'), requestCert: true, rejectUnauthorized: false };
    const encrypted = new TLSSocket(socket, { isServer: true, ...options });
    encrypted.on('error', () => {});
    encrypted.once('secure', () => serve(encrypted, String(encrypted.getPeerCertificate().subject?.CN)));
  });
});
const values = new Map<string, string>();
function serve(socket: Socket, kind: string): void {
  open.push(kind);
  socket.once('close', () => open.splice(open.indexOf(kind), 1));
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
      const [verb, key = '', , , length] = text.slice(0, end).split(' ');
      const next = verb === 'set' ? end + 4 + Number(length) : end + 2;
      if (text.length < next) return;
      if (verb === 'set') values.set(key, text.slice(end + 2, next - 2));
      text = text.slice(next);
      if (verb === 'version') socket.write('VERSION 1.6\r\n');
      else if (verb === 'set') socket.write('STORED\r\n');
      else if (verb === 'get' && values.has(key))
        socket.write(`VALUE ${key} 0 ${values.get(key)?.length}\r\n${values.get(key)}\r\nEND\r\n`);
      else socket.write(verb === 'acks' ? 'ERROR\r\n' : 'END\r\n');
    }
  });
}

after(() => {
  server.close();
});

test('TLS to servers is switched on and off, and certificates change, without an error to a client', async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const { port } = address;
  const timeouts = { ...POOL_DEFAULT.timeouts, requestTimeoutMs: 30_000, connectTimeoutMs: 30_000 };
  const pool = (tls?: TlsCertificates): ProxyPool => ({
    ...POOL_DEFAULT,
    listen: [{ host: '127.0.0.1', port: 0 }],
    servers: [{ host: '127.0.0.1', port, text: `127.0.0.1:${port}`, ...(tls === undefined ? {} : { tls }) }],
    routing: {
      kind: 'tree',
      allowsFlush: false,
      tree: { type: 'server', connections: [0] },
      settings: [],
      settingsOf: [0],
    },
    timeouts,
  });
  const proxy = await startProxy({ ...PROXY_OPTIONS_DEFAULT, transport: 'portable', pools: [pool()] });
  const client = await TextClient.connect(proxy.port);
  try {
    let serial = 0;
    /** Whatever a client should not have been answered. */
    const wrong: (string | null)[] = [];
    /** Until these are the connections, with many requests under way all the time. */
    const loadUntil = (kinds: readonly string[]): Promise<unknown> =>
      until(`connections of ${kinds}, not ${open}`, async () => {
        const answers = await Promise.all(
          Array.from({ length: 50 }, () => [client.set('key', `value${++serial}`), client.get('key')]).flat(),
        );
        const last = answers.at(-1) ?? null;
        if (last !== `value${serial}`) wrong.push(last);
        wrong.push(
          ...answers.filter((answer, index) =>
            index % 2 === 0 ? answer !== 'STORED' : !answer?.startsWith('value'),
          ),
        );
        return open.join() === kinds.join() || null;
      });
    await loadUntil(['plain']);
    for (const [tls, kind] of [
      [testCertificates('client'), 'client'],
      [testCertificates('stranger'), 'stranger'],
      [undefined, 'plain'],
    ] as const) {
      const load = loadUntil([kind]);
      await proxy.usePools([pool(tls)]);
      await load;
    }
    assert.deepEqual(wrong, []);
  } finally {
    client.close();
    await proxy.stop();
  }
});
