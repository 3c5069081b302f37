import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EntryTroubles } from './entry-troubles.ts';

function troubles(): { readonly told: string[]; readonly entry: EntryTroubles } {
  const told: string[] = [];
  const entry = new EntryTroubles(({ name, state, description }) =>
    told.push(`${name} ${state}: ${description}`),
  );
  return { told, entry };
}

test('a start that fails again and again is told once, and once that it has succeeded', () => {
  const { told, entry } = troubles();
  entry.started();
  entry.startFailed('no file');
  entry.startFailed('no file');
  assert.deepEqual(entry.names, ['exec']);
  entry.started();
  entry.started();
  assert.deepEqual(told, ['exec failed: no file', 'exec succeeded: started']);
  assert.deepEqual(entry.names, []);
});

test('a return is told to whom the loss was told, unless somebody else tells it', () => {
  const { told, entry } = troubles();
  assert.equal(entry.back('pid 1', true), false, 'nobody has missed it');
  entry.gone('gone', 'restart');
  assert.equal(entry.back('pid 2', true), true);
  assert.equal(entry.back('pid 2', true), false);
  entry.gone('gone', 'restart');
  assert.equal(entry.back('pid 3', false), false);
  assert.equal(entry.back('pid 3', true), false, 'it is too late');
  assert.deepEqual(told, ['nonexist failed: gone', 'nonexist succeeded: pid 2', 'nonexist failed: gone']);
});

test('of what does not answer the first word is told; what is forgotten has no end', () => {
  const { told, entry } = troubles();
  entry.silent(null);
  entry.silent('the mount hangs');
  entry.silent('the mount still hangs');
  assert.deepEqual([entry.silence, entry.names], ['the mount still hangs', ['data']]);
  entry.silent(null);
  entry.silent('it hangs');
  entry.startFailed('no file');
  entry.forget();
  entry.silent(null);
  entry.started();
  assert.deepEqual(told, [
    'data failed: the mount hangs',
    'data succeeded: answers again',
    'data failed: it hangs',
    'exec failed: no file',
  ]);
});
