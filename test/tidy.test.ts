/** The project's own rules, held against its files. The rules are in test/tidy/, and are tried on bad examples there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { RULES } from './tidy/rules.ts';
import { readTree } from './tidy/source-tree.ts';

const tree = readTree(fileURLToPath(new URL('../..', import.meta.url)));

test('the tree was found', () => {
  assert.ok(tree.rooms.length > 0 && tree.sources.size > 0 && tree.texts.has('package.json'));
});

for (const [title, rule] of RULES) {
  test(title, () => {
    const found = rule(tree);
    assert.ok(found.length === 0, `\n${found.join('\n')}\n`);
  });
}
