import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { testCertificates } from '../../testing/certificates.ts';
import { configurationFiles } from './server-files.ts';
import { loginFrom } from './server-login.ts';
import { renewedTls } from './server-tls.ts';

const directory = mkdtempSync(join(tmpdir(), 'twincached-access-'));
after(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text, 'latin1');
  return path;
}

test('a login is that of the first user as the file is now, byte by byte', () => {
  const path = file('users', '\nann:p:\xe4ss w\r\nbob:other\n');
  assert.deepEqual(loginFrom(path), { words: 'ann p:\xe4ss w', source: path });
  file('users', 'ann:newer');
  assert.equal(loginFrom(path).words, 'ann newer');
  file('users', 'ann:\nann\n:x\n');
  assert.deepEqual(loginFrom(path), { words: null, source: `${path} has no line user:password` });
  assert.deepEqual(loginFrom(`${path}-none`), {
    words: null,
    source: `${path}-none: no such file or directory`,
  });
});

test('certificates are tried when a configuration is read, and read again for each connection', () => {
  const { chain, key, authorities } = testCertificates('server');
  const { tlsMistake = () => 'missing', nameOf, read } = configurationFiles(directory);
  const good = { chain, key, authorities, pinned: chain };
  assert.equal(tlsMistake(good), null);
  assert.equal(tlsMistake({ ...good, chain: chain + key, key: null }), null);
  assert.equal(tlsMistake({ chain: null, key: null, authorities: null, pinned: chain }), null);
  for (const bad of [
    { key: testCertificates('stranger').key },
    { chain: 'none' },
    { authorities: 'none' },
    { pinned: 'none' },
  ])
    assert.ok(tlsMistake({ ...good, ...bad }) !== null, JSON.stringify(Object.keys(bad)));
  assert.equal(nameOf?.('own.pem'), join(directory, 'own.pem'));
  assert.throws(() => read('none'), { message: 'no such file or directory' });

  const files = {
    chain: file('own.pem', 'newer chain'),
    key: null,
    authorities: join(directory, 'is-being-written.pem'),
    pinned: file('server.pem', 'newer server'),
  };
  assert.deepEqual(renewedTls({ ...good, files }), {
    certificates: { chain: 'newer chain', key, authorities, pinned: 'newer server' },
    fallback: good,
    versionMin: 'TLSv1.2',
  });
  assert.deepEqual(renewedTls(good), { certificates: good, versionMin: 'TLSv1.2' });
});
