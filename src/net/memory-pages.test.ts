import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadLibc } from './libc.ts';
import { lockMemory, useLargePages } from './memory-pages.ts';

const BYTES = 4 * 1024 * 1024;
const libc = loadLibc();
const skip = libc === null ? 'only where the C library can be reached' : false;

/** The kernel's marks of the memory around the middle of a buffer: `hg` wants large pages, `lo` is locked. */
function marks(buffer: SharedArrayBuffer): readonly string[] {
  const middle = Number(libc?.addressOf(new Uint8Array(buffer))) + BYTES / 2;
  for (const range of readFileSync('/proc/self/smaps', 'latin1').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const [from, to] = (/^([0-9a-f]+)-([0-9a-f]+) /.exec(range) ?? [])
      .slice(1)
      .map((hex) => Number.parseInt(hex, 16));
    if (from === undefined || to === undefined || middle < from || middle >= to) continue;
    return /^VmFlags: (.*)$/m.exec(range)?.[1]?.trim().split(' ') ?? [];
  }
  return [];
}

test('the system is asked for large pages', { skip }, () => {
  const buffer = new SharedArrayBuffer(BYTES);
  assert.ok(!marks(buffer).includes('hg'));
  const refusal = useLargePages([buffer]);
  if (refusal === null) assert.ok(marks(buffer).includes('hg'));
  else assert.equal(refusal, 'Invalid argument', 'a kernel that was built without them');
});

test('what is written stays in memory, or it is said why not', { skip }, () => {
  const buffer = new SharedArrayBuffer(BYTES);
  const refusal = lockMemory([buffer]);
  if (refusal === null) assert.ok(marks(buffer).includes('lo'));
  else assert.match(refusal, /^(Cannot allocate memory|Operation not permitted)$/);
});

test('a buffer that has no whole page is left as it is', { skip }, () => {
  assert.equal(lockMemory([new SharedArrayBuffer(16)]), null);
  assert.equal(useLargePages([]), null);
});
