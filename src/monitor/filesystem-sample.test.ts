import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
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
