import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { mountOf, parseMounts, servedMount } from './mounts.ts';

const MOUNTS = [
  '/dev/vda1 / ext4 rw,relatime 0 0',
  'tmpfs /run tmpfs rw 0 0',
  '/dev/vdb1 /mnt ext4 ro 0 0',
  '/dev/vdc1 /mnt/my\\040disk\\134s xfs rw 0 0',
  '/dev/vdd1 /mnt btrfs rw 0 0',
  '',
].join('\n');

test('a path lies on what is mounted closest above it, whatever that is called', () => {
  const found = (path: string): string => {
    const mount = mountOf(path, parseMounts(MOUNTS));
    return mount === null ? 'none' : `${mount.type} ${mount.point}`;
  };
  assert.equal(found('/etc/passwd'), 'ext4 /');
  assert.equal(found('/runner'), 'ext4 /');
  assert.equal(found('/run/x'), 'tmpfs /run');
  assert.equal(found('/mnt/my disk\\s/file'), 'xfs /mnt/my disk\\s');
  // What is mounted last hides what was there.
  assert.equal(found('/mnt'), 'btrfs /mnt');
  assert.equal(found('/dev/vdb1'), 'ext4 /mnt');
  assert.equal(found('nowhere'), 'none');
});

test('what another host or process serves is known by its path, and by the links to it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-mounts-'));
  t.after(() => rmSync(folder, { recursive: true }));
  symlinkSync('far/inner', join(folder, 'link'));
  symlinkSync('round', join(folder, 'round'));
  const mounts = (type: string): ReturnType<typeof parseMounts> =>
    parseMounts(`/dev/vda1 / ext4 rw 0 0\nhost:/x ${folder}/far ${type} rw 0 0\n`);
  for (const type of ['nfs', 'nfs4', 'cifs', 'fuse', 'fuse.sshfs', 'autofs']) {
    for (const path of ['far', 'far/a/b', 'link', 'link/a', 'near/../far/a'])
      assert.equal(servedMount(join(folder, path), mounts(type)), join(folder, 'far'), `${type} ${path}`);
    for (const path of ['', 'near', 'farther', 'round', 'round/a'])
      assert.equal(servedMount(join(folder, path), mounts(type)), null, `${type} ${path}`);
  }
  for (const type of ['ext4', 'tmpfs', 'fusectl'])
    assert.equal(servedMount(join(folder, 'far/a'), mounts(type)), null, type);
});
