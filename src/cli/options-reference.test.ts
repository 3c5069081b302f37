import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { OptionRow } from './getopt.ts';
import { MAGENT_ROWS } from './magent-table.ts';
import { EXTENDED_WORDS } from './memcached-extended.ts';
import { MEMCACHED_ROWS } from './memcached-table.ts';
import { NUTCRACKER_ROWS } from './nutcracker-table.ts';
import { PROXY_ROWS } from './proxy-table.ts';

/** The reference page is written by hand; this holds it to the tables that the programs read. Compiled, this file is dist/src/cli/…. */
const page = readFileSync(new URL('../../../docs/reference/options.md', import.meta.url), 'utf8');

function section(title: string): string {
  const start = page.indexOf(`\n## ${title}\n`);
  assert.ok(start >= 0, `the page has a section ${title}`);
  const end = page.indexOf('\n## ', start + 1);
  return end < 0 ? page.slice(start) : page.slice(start, end);
}

/** The options that the first cells of a section's table rows name. */
function documented(text: string): Set<string> {
  const cells = [...text.matchAll(/^\| (`-[^|]*)\|/gm)].map(([, cell]) => cell ?? '');
  return new Set(
    cells.flatMap((cell) => [...cell.matchAll(/`(--?[\w?-]+)`/g)].map(([, option]) => option ?? '')),
  );
}

function spellings(rows: readonly OptionRow[]): Set<string> {
  return new Set(
    rows.flatMap((row) => [
      ...(row.short === undefined ? [] : [`-${row.short}`]),
      ...(row.long === undefined ? [] : [`--${row.long}`]),
    ]),
  );
}

for (const [title, rows] of [
  ['memcached', MEMCACHED_ROWS],
  ['magent', MAGENT_ROWS],
  ['nutcracker', NUTCRACKER_ROWS],
  ['proxy', PROXY_ROWS],
] as const) {
  test(`the reference page has every option of ${title}, and no other`, () => {
    assert.deepEqual([...documented(section(title))].sort(), [...spellings(rows)].sort());
  });
}

test('the reference page has every extended option, and no other', () => {
  const rows = [...section('memcached').matchAll(/^\| (`[a-z][^|]*)\|/gm)].map(([, cell]) => cell ?? '');
  const words = rows.flatMap((cell) => [...cell.matchAll(/`(\w+)(=[^`]*)?`/g)].map(([, word]) => word ?? ''));
  const values = ['murmur3', 'xxh3'];
  assert.deepEqual(words.filter((word) => !values.includes(word)).sort(), [...EXTENDED_WORDS].sort());
});
