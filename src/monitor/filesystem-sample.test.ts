import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FilesystemSampler, mountOf } from './filesystem-sample.ts';

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
    const mount = mountOf(path, MOUNTS);
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

const SKIP = process.platform === 'linux' ? false : 'there is no /proc';

test('a link is looked at where it leads to', { skip: SKIP }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-filesystem-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const link = join(folder, 'link');
  symlinkSync('/proc', link);
  assert.equal(new FilesystemSampler().sample(link, 0).properties.fstype, 'proc');
  assert.equal(new FilesystemSampler().sample(join(link, 'nothing'), 0).exists, false);
});
