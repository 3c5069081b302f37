import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { getopt, helpLines, type OptionRow } from './getopt.ts';

const ROWS: readonly OptionRow[] = [
  { name: 'p', short: 'p', long: 'port', argument: 'required' },
  { name: 'P', short: 'P', long: 'pidfile', argument: 'required' },
  { name: 'B', short: 'B', long: 'protocol', argument: 'required' },
  { name: 'v', short: 'v', long: 'verbose', argument: 'none' },
  { name: 'V', short: 'V', long: 'version', argument: 'none' },
  { name: 'c', short: 'c', long: 'colour', argument: 'optional' },
  { name: 'c', long: 'color', argument: 'optional' },
  { name: 'e', short: 'e', long: 'verb', argument: 'required' },
];

/** One line per event, in the form in which a C program with the same table printed what glibc's getopt_long gave it. */
function trace(words: readonly string[], rows = ROWS): string[] {
  const { events, operands } = getopt('PROG', words, rows);
  return [
    ...events.map((event) =>
      event.kind === 'error' ? event.message : event.name + (event.value === null ? '' : `=${event.value}`),
    ),
    ...operands.map((operand) => `operand ${operand}`),
  ];
}

/** Words, and what glibc 2.36 made of them (recorded from a C program). */
const RECORDED: readonly (readonly [readonly string[], readonly string[]])[] = [
  [
    ['-p11200', '-vp11200', '-v', '-v'],
    ['p=11200', 'v', 'p=11200', 'v', 'v'],
  ],
  [['-p'], ["PROG: option requires an argument -- 'p'"]],
  [
    ['-z', '-v'],
    ["PROG: invalid option -- 'z'", 'v'],
  ],
  [['-vzv'], ['v', "PROG: invalid option -- 'z'", 'v']],
  [
    ['a', '-v', 'b', '-p', '1', 'c'],
    ['v', 'p=1', 'operand a', 'operand b', 'operand c'],
  ],
  [
    ['a', '--', '-v'],
    ['operand a', 'operand -v'],
  ],
  [
    ['--', 'a', '-v'],
    ['operand a', 'operand -v'],
  ],
  [
    ['-', '-v'],
    ['v', 'operand -'],
  ],
  [
    ['-c', '-cred', '-c', 'red'],
    ['c', 'c=red', 'c', 'operand red'],
  ],
  [
    ['--colour', '--colour=red', '--color='],
    ['c', 'c=red', 'c='],
  ],
  [
    ['--port', '1', '--port=2', '--port'],
    ['p=1', 'p=2', "PROG: option '--port' requires an argument"],
  ],
  [
    ['--port=', 'x'],
    ['p=', 'operand x'],
  ],
  [['--por', '3'], ['p=3']],
  [
    ['--p', '3'],
    ["PROG: option '--p' is ambiguous; possibilities: '--port' '--pidfile' '--protocol'", 'operand 3'],
  ],
  [
    ['--p=3', '-v'],
    ["PROG: option '--p=3' is ambiguous; possibilities: '--port' '--pidfile' '--protocol'", 'v'],
  ],
  [['--col=x'], ['c=x']],
  [['--co'], ['c']],
  [['--ver'], ["PROG: option '--ver' is ambiguous; possibilities: '--verbose' '--version' '--verb'"]],
  [['--vers'], ['V']],
  [['--verb'], ["PROG: option '--verb' requires an argument"]],
  [['--verb', '1'], ['e=1']],
  [['--verbo'], ['v']],
  [['--verbose=1'], ["PROG: option '--verbose' doesn't allow an argument"]],
  [['--foo'], ["PROG: unrecognized option '--foo'"]],
  [['--foo=bar'], ["PROG: unrecognized option '--foo=bar'"]],
  [['-p', '-v'], ['p=-v']],
  [['-p', '--'], ['p=--']],
  [['-vp'], ['v', "PROG: option requires an argument -- 'p'"]],
  [
    ['-v-', 'x'],
    ['v', "PROG: invalid option -- '-'", 'operand x'],
  ],
  [
    ['--=1'],
    [
      "PROG: option '--=1' is ambiguous; possibilities: '--port' '--pidfile' '--protocol' '--verbose' '--version' '--colour' '--color' '--verb'",
    ],
  ],
  [['-:'], ["PROG: invalid option -- ':'"]],
  [['-;'], ["PROG: invalid option -- ';'"]],
  [[''], ['operand ']],
  [
    ['a', '--po'],
    ["PROG: option '--port' requires an argument", 'operand a'],
  ],
  [
    ['a', 'b', '-z', 'c', '-p'],
    [
      "PROG: invalid option -- 'z'",
      "PROG: option requires an argument -- 'p'",
      'operand a',
      'operand b',
      'operand c',
    ],
  ],
  [
    ['-W', 'x'],
    ["PROG: invalid option -- 'W'", 'operand x'],
  ],
  [['--version='], ["PROG: option '--version' doesn't allow an argument"]],
  [['-v=3'], ['v', "PROG: invalid option -- '='", "PROG: invalid option -- '3'"]],
];

for (const [words, expected] of RECORDED) {
  test(`getopt reads ${JSON.stringify(words)} as glibc does`, () => {
    assert.deepEqual(trace(words), expected);
  });
}

test('with POSIXLY_CORRECT the first operand ends the options', () => {
  assert.deepEqual(getopt('PROG', ['-v', 'a', '-v'], ROWS, true), {
    events: [{ kind: 'option', name: 'v', spelling: '-v', value: null }],
    operands: ['a', '-v'],
  });
});

test('an option with a number if there is one', () => {
  const rows: readonly OptionRow[] = [...ROWS, { name: 'X', short: 'X', argument: 'number-if-any' }];
  assert.deepEqual(trace(['-X', '11212'], rows), ['X=11212']);
  assert.deepEqual(trace(['-X11212'], rows), ['X=11212']);
  assert.deepEqual(trace(['-vX11212'], rows), ['v', 'X=11212']);
  assert.deepEqual(trace(['-X'], rows), ['X']);
  assert.deepEqual(trace(['-Xv'], rows), ['X', 'v']);
  assert.deepEqual(trace(['-vX', '-v'], rows), ['v', 'X', 'v']);
  assert.deepEqual(trace(['-X', '-p', '1'], rows), ['X', 'p=1']);
  // A word that is no option can only be meant as the port; the caller complains of it.
  assert.deepEqual(trace(['-X', 'abc'], rows), ['X=abc']);
});

test('whatever the words, each is read once and in order', () => {
  const word = fc.oneof(
    fc.constantFrom('-', '--', '-v', '-vp', '-p', '--port', '--port=', '--ve', '-c', 'a', ''),
    fc.string({ maxLength: 5 }),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (words) => {
      const { events, operands } = getopt('PROG', words, ROWS);
      // Operands are a subsequence of the words.
      let at = 0;
      for (const operand of operands) {
        at = words.indexOf(operand, at) + 1;
        assert.ok(at > 0, `operand ${operand} is not among the words, or out of order`);
      }
      for (const event of events) if (event.kind === 'option') assert.match(event.spelling, /^--?[a-zA-Z]/);
    }),
  );
});

test('help lines put explanations into one column', () => {
  assert.deepEqual(
    helpLines([
      {
        name: 'p',
        short: 'p',
        long: 'port',
        argument: 'required',
        valueName: '<num>',
        help: ['the port', '(or none)'],
      },
      { name: 'x', short: 'x', argument: 'required', valueName: '<ip_addr>', help: ['a peer'] },
      { name: 'l', long: 'long-only', argument: 'none', help: ['it'] },
      { name: 'h', short: 'h', argument: 'none' },
    ]),
    [
      '-p, --port=<num>          the port',
      '                          (or none)',
      '-x <ip_addr>              a peer',
      '--long-only               it',
    ],
  );
});

test('a long name of ours that is cut short yields to those of the program that is replaced', () => {
  const rows: readonly OptionRow[] = [
    { name: 'auth-file', long: 'auth-file', argument: 'required' },
    { name: 'acks', long: 'acks', argument: 'required', yields: true },
    { name: 'ack-refuse', long: 'ack-refuse', argument: 'none', yields: true },
  ];
  const events = (word: string): unknown => getopt('PROG', [word], rows).events;
  assert.deepEqual(events('--a=x'), [
    { kind: 'option', name: 'auth-file', spelling: '--auth-file', value: 'x' },
  ]);
  assert.deepEqual(events('--acks=1'), [{ kind: 'option', name: 'acks', spelling: '--acks', value: '1' }]);
  assert.deepEqual(events('--ack-r'), [
    { kind: 'option', name: 'ack-refuse', spelling: '--ack-refuse', value: null },
  ]);
  assert.deepEqual(events('--ack'), [
    {
      kind: 'error',
      message: "PROG: option '--ack' is ambiguous; possibilities: '--acks' '--ack-refuse'",
    },
  ]);
});
