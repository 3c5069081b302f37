import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createServer, type TLSSocket } from 'node:tls';
import { certificatePath, credentials } from '../../testing/certificates.ts';
import { serveTcp } from '../../testing/tcp-server.ts';
import { isRefusal, openServer, type ServerPlace, type ServerTls } from './server-door.ts';

const directory = mkdtempSync(join(tmpdir(), 'twincached-door-'));
after(() => rmSync(directory, { recursive: true }));

/** `ready`, or why it never came to it. */
function opened(place: ServerPlace): Promise<string> {
  return new Promise((resolve) => {
    const socket = openServer(place, () => {
      resolve('ready');
      socket.destroy();
    });
    socket.on('error', (error) => resolve(`${isRefusal(error) ? 'refused: ' : ''}${error.message}`));
    socket.on('close', () => resolve('closed'));
  });
}

function usersFile(text: string): string {
  const path = join(directory, 'users');
  writeFileSync(path, text);
  return path;
}

test('whoever wants a login gets the first user of the file, before anything else; who does not is told nothing', async (t) => {
  const seen: string[] = [];
  let login = 'STORED\r\n';
  let version = 'CLIENT_ERROR unauthenticated\r\n';
  const port = await serveTcp(t, (socket) =>
    socket.on('data', (bytes) => {
      const text = bytes.toString('latin1');
      if (text === 'version\r\n') socket.write(version);
      else {
        seen.push(text);
        socket.write(login);
      }
    }),
  );
  const place = { host: '127.0.0.1', port };
  const authFile = usersFile('ann:a:b\nbob:other\n');
  assert.equal(await opened({ ...place, access: { tls: null, authFile } }), 'ready');
  assert.deepEqual(seen, ['set auth 0 0 7\r\nann a:b\r\n']);
  version = 'VERSION 1.6.45\r\n';
  assert.equal(await opened({ ...place, access: { tls: null, authFile } }), 'ready');
  assert.equal(seen.length, 1);
  version = 'CLIENT_ERROR unauthenticated\r\n';
  login = 'CLIENT_ERROR authentication failure\r\n';
  assert.equal(
    await opened({ ...place, access: { tls: null, authFile } }),
    'refused: cannot log in: CLIENT_ERROR authentication failure',
  );
  assert.match(
    await opened({ ...place, access: { tls: null, authFile: join(directory, 'gone') } }),
    /^refused: ENOENT: /,
  );
  assert.match(
    await opened({ ...place, access: { tls: null, authFile: usersFile('ann:\n') } }),
    /^refused: .*users has no line user:password$/,
  );
  usersFile('ann:a:b\n');
  const endless = await serveTcp(t, (socket) => socket.write('x'.repeat(513)));
  assert.match(
    await opened({ host: '127.0.0.1', port: endless, access: { tls: null, authFile } }),
    /^cannot log in: x+$/,
  );
});

test('a certificate must be the one that is known, or be vouched for', async (t) => {
  const server = createServer({ ...credentials('server'), requestCert: true, rejectUnauthorized: false });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const known: ServerTls = {
    chainFile: certificatePath('server.pem'),
    client: null,
    authoritiesFile: null,
  };
  const openedBy = (tls: Partial<ServerTls>): Promise<string> =>
    opened({
      host: '127.0.0.1',
      port: address.port,
      access: { tls: { ...known, ...tls }, authFile: null },
    });
  assert.equal(await openedBy({}), 'ready');
  const other = certificatePath('renewed.pem');
  assert.match(await openedBy({ chainFile: other }), /^refused: shows a certificate that is not its own/);
  assert.equal(
    await openedBy({ chainFile: other, authoritiesFile: certificatePath('authority.pem') }),
    'ready',
  );
  assert.match(await openedBy({ chainFile: join(directory, 'gone.pem') }), /^refused: ENOENT: /);
  // Such as one that is being renewed just now.
  const half = join(directory, 'half.pem');
  writeFileSync(half, '-----BEGIN CERTIFICATE-----\nMIIB\n');
  for (const tls of [
    { chainFile: half },
    { chainFile: half, client: { keyFile: null } },
    { client: { keyFile: certificatePath('renewed-key.pem') } },
  ])
    assert.match(await openedBy(tls), /^refused: error:/);
  const empty = join(directory, 'empty.pem');
  writeFileSync(empty, '');
  assert.equal(await openedBy({ authoritiesFile: empty }), 'refused: no certificate of an authority');
  assert.equal(await openedBy({ client: { keyFile: certificatePath('server-key.pem') } }), 'ready');
});

test('who does not like our certificate refuses us, whether it closes or resets; who is not there does not', async (t) => {
  let ends = (socket: TLSSocket): unknown => socket.end();
  const server = createServer(
    { ...credentials('server'), requestCert: true, rejectUnauthorized: false },
    (socket) => {
      socket.on('error', () => {});
      ends(socket);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const { port } = address;
  const client = { keyFile: certificatePath('server-key.pem') };
  const asked = (tls: Partial<ServerTls>, at = port): Promise<string> =>
    new Promise((resolve) => {
      const access = {
        tls: { chainFile: certificatePath('server.pem'), client, authoritiesFile: null, ...tls },
        authFile: null,
      };
      const socket = openServer({ host: '127.0.0.1', port: at, access }, (opened) => opened.resume());
      socket.on('error', (error) => resolve(isRefusal(error) ? 'refused' : error.message));
      socket.on('close', () => resolve('closed'));
    });
  assert.equal(await asked({}), 'refused');
  assert.equal(await asked({ client: null }), 'closed');
  ends = (socket) => socket.end('an answer');
  assert.equal(await asked({}), 'closed');
  // Of TLS only the connection below can be reset.
  let below: Socket | null = null;
  server.on('connection', (socket) => {
    below = socket;
  });
  ends = () => below?.resetAndDestroy();
  assert.equal(await asked({}), 'refused');
  for (const chainFile of [certificatePath('server.pem'), join(directory, 'gone.pem')])
    assert.match(await asked({ chainFile }, 1), /^connect ECONNREFUSED/);
});
