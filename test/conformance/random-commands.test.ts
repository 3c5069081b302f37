import { test } from 'node:test';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { assertAnsweredAlike, assertPassedOnAlike } from '../../testing/answered-alike.ts';
import { MEMCACHED } from '../../testing/processes.ts';

const SEED = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e6));
const COMMANDS = 4000;

const KEYS: readonly string[] = ['a', 'b', 'c', 'num', 'n2', `long${'k'.repeat(200)}`, 'x'.repeat(250)];
const DELTAS: readonly string[] = [
  ...['0', '1', '5', '10', '99', '4294967296', '18446744073709551615'],
  ...['18446744073709551616', '-1', 'abc', '1.5', '007', '1e3'],
];
const EXPTIMES: readonly string[] = ['0', '0', '0', '0', '-1', '100', '2592000', '-100', '2592001'];
const FLAGS: readonly string[] = ['0', '1', '65535', '4294967295'];
const VALUES: readonly string[] = [
  ...['1', '5', '10', '100', '99', '', 'abc', '12ab', '-5'],
  ...['v'.repeat(90), 'v'.repeat(3000), 'v'.repeat(20_000)],
];
/** Odd, but answered alike by all versions. Malformed lines are left to the transcripts: their errors changed over time. */
const ODD: readonly string[] = [
  ...['gets a', 'gets num n2', 'gat 100 a', 'gats 100 a num', 'verbosity 1', 'delete a 0', 'delete a 5'],
  ...['mn', 'delete a 0 noreply', 'touch a 0 noreply', 'incr num 5 noreply', 'append num 0 0 1\r\n7'],
  ...['prepend n2 0 0 1\r\n1', 'get  a   b ', 'GET a', 'gets a a a', 'flush_all noreply', 'unknown'],
];

function commandOf(random: Random): string {
  const pick = (list: readonly string[]): string => list[random.below(list.length)]!;
  const noreply = (): string => pick(['', '', '', ' noreply']);
  const key = pick(KEYS);
  const value = pick(VALUES);
  switch (random.below(14)) {
    case 0:
    case 1:
    case 2: {
      const verb = pick(['set', 'add', 'replace', 'append', 'prepend', 'set']);
      return `${verb} ${key} ${pick(FLAGS)} ${pick(EXPTIMES)} ${value.length}${noreply()}\r\n${value}`;
    }
    case 3:
      return `get ${key} ${pick(KEYS)} ${pick(KEYS)}`;
    case 4:
      // A number that became shorter is padded with spaces, save when one of memcached's own threads looks at the item at that
      // moment; so it is not looked at. A transcript does.
      return `${pick(['incr', 'decr'])} ${key} ${pick(DELTAS)}${noreply()}\r\ndelete ${key} noreply`;
    case 5:
      return `incr ${pick(['num', 'n2'])} ${pick(['1', '9', '100'])}`;
    case 6:
      return `delete ${key}${noreply()}`;
    case 7:
      return `touch ${key} ${pick(EXPTIMES)}${noreply()}`;
    case 8:
      return `gat ${pick(EXPTIMES)} ${key}`;
    case 9:
      return `cas ${key} ${pick(FLAGS)} ${pick(EXPTIMES)} ${value.length} ${pick(['0', '1', '999999999999'])}${noreply()}\r\n${value}`;
    case 10:
      return `set ${pick(['num', 'n2'])} 0 0 2\r\n1${random.below(10)}`;
    case 11:
      return pick(ODD);
    default:
      return `get ${key}`;
  }
}

/** Without cas ids, which differ. */
function comparable(reply: string): string {
  return reply.replace(/^(VALUE \S+ \d+ \d+) \d+\r$/gm, '$1 CAS\r');
}

test('random commands are answered as the installed memcached answers them', {
  skip: MEMCACHED === null ? 'memcached is not installed' : false,
}, async (t) => {
  t.diagnostic(`SEED=${SEED}`);
  const random = seededRandom(SEED);
  // memcached's first cas id is 1, which must be nobody's.
  const commands = ['set first 0 0 1\r\nx', ...Array.from({ length: COMMANDS }, () => commandOf(random))];
  await assertAnsweredAlike(commands, comparable, SEED);
});

test('random commands are answered through a proxy as without one', {
  skip: MEMCACHED === null ? 'memcached is not installed' : false,
}, async (t) => {
  t.diagnostic(`SEED=${SEED}`);
  const random = seededRandom(SEED);
  // verbosity is not for proxies, nor is flush_all, unless it is allowed.
  const commands = Array.from({ length: COMMANDS }, () => commandOf(random)).filter(
    (command) => !/^(flush_all|verbosity)/.test(command),
  );
  await assertPassedOnAlike(['set first 0 0 1\r\nx', ...commands], comparable, SEED);
});
