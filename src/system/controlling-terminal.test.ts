import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controllingTerminal, terminalOf } from './controlling-terminal.ts';

test('the terminal is read behind a name with brackets and blanks', () => {
  assert.equal(terminalOf('4711 (a (b) c) S 1 4711 4711 34816 4712 4194304 0'), 34_816);
  assert.equal(terminalOf('4711 (node) S 1 4711 4711 0 -1 4194304 0'), 0);
  assert.equal(terminalOf('nonsense'), null);
});

test('this process has one or none', () => {
  assert.equal(typeof controllingTerminal(), 'number');
});
