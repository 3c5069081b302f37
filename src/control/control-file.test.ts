import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ControlError } from './control-error.ts';
import {
  FILES_MAX,
  includeObjection,
  parseControlFile,
  SERVICES_MAX,
  trustObjection,
} from './control-file.ts';
import { TEXT_LENGTH_MAX } from './scanner.ts';
import { NAME_LENGTH_MAX } from './service-parser.ts';
import type { ControlTree } from './tree.ts';

/** Parses one text; every `include` means `included`. */
function parse(text: string, included: readonly string[] = []): ControlTree {
  return parseControlFile('main', {
    hostName: 'host',
    glob: () => included.map((_, index) => `part${index}`),
    read: (path) => (path === 'main' ? text : (included[Number(path.slice(4))] ?? '')),
  });
}

test('a file that includes itself is an error in one line, and not an endless loop', () => {
  assert.throws(
    () => parse('include x', ['include x']),
    /part0:1: files include each other more than 16 deep/,
  );
});

test('bounds hold at the bound', () => {
  const files = (count: number): string[] => Array.from({ length: count }, () => '');
  assert.equal(parse('include x', files(15)).services.length, 0);
  assert.throws(() => parse('include x', files(FILES_MAX)), /more than 1024 files/);
  const services = (count: number): string =>
    Array.from({ length: count }, (_, index) => `check process p${index} with pidfile /p`).join('\n');
  assert.equal(parse(services(SERVICES_MAX)).services.length, SERVICES_MAX);
  assert.throws(() => parse(services(SERVICES_MAX + 1)), /at most 10000 services/);
  const named = (length: number): string => `check process "${'n'.repeat(length)}" with pidfile /p`;
  assert.equal(parse(named(NAME_LENGTH_MAX)).services.length, 1);
  assert.throws(() => parse(named(NAME_LENGTH_MAX + 1)), /a name has 1 to 255 characters/);
  assert.throws(() => parse(`set log "/${'x'.repeat(TEXT_LENGTH_MAX)}"`), /at most 65536 characters/);
});

test('a chain of dependencies may be as long as the file', () => {
  const entry = (index: number, need: number): string =>
    `check process p${index} with pidfile /p ${need < 0 ? '' : `depends on p${need}`}`;
  const chain = Array.from({ length: SERVICES_MAX }, (_, index) => entry(index, index - 1));
  assert.equal(parse(chain.toReversed().join('\n')).services.length, SERVICES_MAX);
  const circle = [...chain.slice(1), entry(0, SERVICES_MAX - 1)];
  assert.throws(
    () => parse(circle.join('\n')),
    /main:1: Found a depend loop .* the service 'p1': p1 -> p0 -> p9999/,
  );
});

test('whatever the text, the answer is a tree or an error in one line', () => {
  const piece = fc.constantFrom(
    ...[
      'set',
      'check',
      'process',
      'x',
      'with',
      'pidfile',
      '/x',
      'if',
      'failed',
      'port',
      '80',
      'then',
      'alert',
      '"',
      "'",
    ],
    ...[
      '{',
      '}',
      'httpd',
      'allow',
      'a:b',
      '@g',
      'cpu',
      '>',
      '%',
      'cycles',
      '5',
      'include',
      'depends',
      'on',
      '=',
      ',',
      '#',
    ],
    ...[
      'start',
      '"/bin/true"',
      'restarts',
      'within',
      'exec',
      'mail-format',
      'limits',
      'matching',
      'loadavg(5min)',
      '\n',
    ],
    ...[
      'system',
      'every',
      '"* * * * *"',
      'else',
      'mailserver',
      'alert',
      'a@b',
      'not',
      'exist',
      'send',
      'expect',
      '\\',
    ],
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 30 }), (pieces) => {
      try {
        parse(pieces.join(' '), ['set daemon 5']);
      } catch (error) {
        assert.ok(error instanceof ControlError, String(error));
        assert.ok(!error.message.slice(0, 20).includes('\n'));
      }
    }),
    { numRuns: 3000 },
  );
});

test('a control file belongs to its user and to nobody else', () => {
  const good = { isFile: true, mode: 0o100600, ownerUid: 5 };
  assert.equal(trustObjection('/f', good, 5), null);
  assert.equal(trustObjection('/f', { ...good, mode: 0o700 }, 5), null);
  assert.match(
    trustObjection('/f', { ...good, mode: 0o644 }, 5) ?? '',
    /permission 0644 is wrong, maximum 0700 allowed/,
  );
  assert.match(trustObjection('/f', { ...good, mode: 0o610 }, 5) ?? '', /0610/);
  assert.match(trustObjection('/f', good, 6) ?? '', /must be owned by you/);
  assert.match(trustObjection('/f', { ...good, isFile: false }, 5) ?? '', /is not a file$/);
});

test('an included file may be read by others, and written by nobody else', () => {
  const good = { isFile: true, mode: 0o100644, ownerUid: 5 };
  assert.equal(includeObjection('/f', good, 5), null);
  assert.equal(includeObjection('/f', { ...good, mode: 0o755, ownerUid: 0 }, 5), null);
  assert.match(
    includeObjection('/f', { ...good, mode: 0o664 }, 5) ?? '',
    /permission 0664 is wrong, maximum 0755 allowed/,
  );
  assert.match(includeObjection('/f', { ...good, mode: 0o646 }, 5) ?? '', /0646/);
  assert.match(includeObjection('/f', { ...good, ownerUid: 6 }, 5) ?? '', /owned by you or by root/);
  assert.match(includeObjection('/f', { ...good, isFile: false }, 5) ?? '', /not a regular file/);
});
