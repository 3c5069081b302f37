import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, type StatsFs, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Sample } from '../checks/sample.ts';
import { fileReader } from './file-reader.ts';
import { FilesystemSampler } from './filesystem-sample.ts';

const SKIP = process.platform === 'linux' ? false : 'there is no /proc';

test('a link is looked at where it leads to', { skip: SKIP }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-filesystem-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const link = join(folder, 'link');
  symlinkSync('/proc', link);
  const look = (path: string): Promise<Sample> => new FilesystemSampler().sample(path, 0, fileReader(30_000));
  assert.equal((await look(link)).properties.fstype, 'proc');
  assert.equal((await look(join(link, 'nothing'))).exists, false);
});

test('shares are of the whole, what is reserved for root included', { skip: SKIP }, async () => {
  const reader = fileReader(30_000);
  const statfs = async (): Promise<StatsFs> => ({
    ...(await reader.statfs('/')),
    ...{ blocks: 1000, bsize: 4096, bfree: 700, bavail: 100, files: 200, ffree: 50 },
  });
  const { figures, shown } = await new FilesystemSampler().sample('/', 0, { ...reader, statfs });
  const shares = (['space-used', 'space-free', 'inodes-used', 'inodes-free'] as const).map(
    (name) => figures[name]?.percent,
  );
  // As `space usage` and `space free` of monit's; df would say 75 % used.
  assert.deepEqual(shares, [30, 70, 75, 25]);
  assert.equal(figures['space-free']?.absolute, 700 * 4096);
  assert.equal(shown?.['space-free-users'], 100 * 4096);
});
