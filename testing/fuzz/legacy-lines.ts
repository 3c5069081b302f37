import type { Random } from '../../src/base/random.ts';

const KEYS: readonly string[] = ['a', 'b', 'num', 'k:1', '\x80\xff', 'k'.repeat(250), 'k'.repeat(251), ''];
const NUMBERS: readonly string[] = [
  '0',
  '1',
  '-1',
  '-2147483648',
  '4294967295',
  '4294967296',
  '99999999999999999999',
  '01',
  'x',
  '',
];
/** None makes a long line: what becomes of those depends on where the stream is cut. */
const VALUES: readonly string[] = [
  '',
  '1',
  'v'.repeat(90),
  'delete a\r\n',
  'twin\r\n'.repeat(3000),
  'flush_all \r\n'.repeat(5),
];

/** What a repcached may say, and some of what it would not. */
export function legacyLines(random: Random): Buffer {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!;
  let text = '';
  for (let count = 1 + random.below(20); count > 0; count--) {
    const kind = random.below(12);
    const value = pick(VALUES);
    // Mostly as it should be.
    const [key, number] = random.below(4) > 0 ? [pick(['a', 'b', 'num']), '0'] : [pick(KEYS), pick(NUMBERS)];
    const bytes = random.below(8) > 0 ? value.length : pick(NUMBERS);
    if (kind < 6)
      text += `rep ${key} ${number} ${pick(NUMBERS.slice(0, 4))} ${bytes} ${random.below(1e9)}\r\n${value}\r\n`;
    else if (kind < 8) text += `delete ${key}\r\n`;
    else if (kind === 8) text += `flush_all ${random.below(2) === 0 ? '' : pick(NUMBERS)}\r\n`;
    else if (kind === 9) text += 'marugoto_end\r\n';
    else
      text += pick([
        'get a\r\n',
        'stats\r\n',
        '\r\n',
        'rep\r\n',
        'rep a\r\n',
        'incr num 1\r\n',
        'quit\r\n',
        'x'.repeat(900),
      ]);
  }
  return Buffer.from(text, 'latin1');
}
