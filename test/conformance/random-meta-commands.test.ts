import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { AS_ROOT, freePorts, MEMCACHED, run } from '../../testing/processes.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { startNode } from '../../testing/servers.ts';
import { until } from '../../testing/wait.ts';

const SEED = Number(process.env['SEED'] ?? 1 + Math.floor(Math.random() * 1e6));
const COMMANDS = 4000;
const AT_A_TIME = 10;

const KEYS: readonly string[] = ['a', 'b', 'num', 'x'.repeat(250)];
/** Keys in base64. Nobody asks for them by their raw names, where the two programs differ. */
const BASE64_KEYS: readonly string[] = ['AAEC', 'Zm9vYg==', '/+8='];
const VALUES: readonly string[] = ['1', '10', '99', '', 'abc', 'v'.repeat(90), 'v'.repeat(20_000)];
const MISCELLANEOUS: readonly string[] = [
  ...['get a b num', 'gets num', 'delete a', 'touch num 100', 'gat 200 num', 'incr num 1', 'mn', 'mn k'],
  ...['set num 5 0 2\r\n15', 'add a 1 0 1\r\nx', 'append b 0 0 1\r\n7', 'flush_all noreply', 'me none'],
];

/** Flags of the four commands that both programs answer alike. Cas ids are their own, so 1 and 0 are never right. */
const GET_FLAGS: readonly string[] = [
  ...['v', 'k', 'f', 's', 't', 'h', 'u', 'q', 'c', 'O123', 'T100', 'T0', 'N50', 'N0', 'R30', 'R1000'],
  ...['P', 'Lx', 'D5', 'F1', 'l', 'Tx', 'Nx', 'S', '~', 'v', 'Fx', 'Dx'],
];
const SET_FLAGS: readonly string[] = [
  ...['k', 'q', 'c', 'Oabc', 'T100', 'T0', 'T-1', 'F7', 'F0', 'F4294967295', 'I', 'C0', 'C1'],
  ...['ME', 'MA', 'MP', 'MR', 'MS', 'MX', 'Tx', 'Fx', 'v', 't', '~', 'k'],
];
const DELETE_FLAGS: readonly string[] = ['k', 'q', 'Oabc', 'I', 'T100', 'C1', 'C0', 'v', 't', 's'];
const ARITHMETIC_FLAGS: readonly string[] = [
  ...['v', 'k', 't', 'c', 'q', 'Oabc', 'D5', 'D18446744073709551615', 'J13', 'MI', 'MD', 'M+', 'M-', 'MX'],
  ...['T100', 'C1', 'C0', 'Dx', 'Jx', 'v', 's'],
];

function commandOf(random: Random): string {
  const pick = (list: readonly string[]): string => list[random.below(list.length)]!;
  const flags = (list: readonly string[]): string => {
    let text = '';
    for (let count = random.below(6); count > 0; count--) text += ` ${pick(list)}`;
    return text;
  };
  const base64 = random.below(5) === 0;
  const key = pick(base64 ? BASE64_KEYS : KEYS);
  const mark = base64 ? ' b' : '';
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2: {
      // An append takes the mark of a key in base64 away in the older program.
      const value = pick(VALUES);
      return `ms ${key} ${value.length}${mark}${flags(base64 ? without(SET_FLAGS, /^M[AP]/) : SET_FLAGS)}\r\n${value}`;
    }
    case 3:
      // The older program knows no keys in base64 here, and tells repeated flags otherwise.
      return `md ${pick(KEYS)}${withoutRepetition(flags(DELETE_FLAGS))}`;
    case 4: {
      // A number that became shorter is padded with spaces, save when another thread of memcached looks at the item at that moment,
      // and that one loses its marks: so it is deleted. A new item shows even with q: so N is not among the flags.
      const name = pick(KEYS);
      return `ma ${name}${flags(ARITHMETIC_FLAGS)}\r\nmd ${name} q`;
    }
    case 5:
      return pick(MISCELLANEOUS);
    default: {
      // What mg makes from a key in base64 has no mark in the older program.
      const line = `mg ${key}${mark}${flags(base64 ? without(GET_FLAGS, /^N/) : GET_FLAGS)}`;
      return line;
    }
  }
}

function without(flags: readonly string[], pattern: RegExp): readonly string[] {
  return flags.filter((flag) => !pattern.test(flag));
}

function withoutRepetition(flags: string): string {
  const byLetter = new Map(flags.split(' ').map((flag) => [flag[0], flag]));
  return [...byLetter.values()].join(' ');
}

/** Without cas ids and seconds since the last access, which differ. */
function comparable(reply: string): string {
  return reply
    .replace(/^(VALUE \S+ \d+ \d+) \d+\r$/gm, '$1 CAS\r')
    .replace(/^((?:HD|VA|NS|EX|NF|EN)\b.*?) c\d+(?=[ \r])/gm, '$1 cCAS')
    .replace(/^((?:HD|VA)\b.*?) l\d+(?=[ \r])/gm, '$1 lSECONDS')
    .replace(/^((?:HD|VA)\b.*?) t(\d+)(?=[ \r])/gm, (_all, before: string, ttl: string) => {
      // A second may pass between the two programs.
      return `${before} t${Math.round(Number(ttl) / 10)}`;
    });
}

/** Sends commands, some at a time, each with a `version` behind it that marks the end of its reply. @returns the replies */
async function converse(port: number, commands: readonly string[]): Promise<string[]> {
  const socket = await until('a server', () => RawSocket.connect(port));
  const replies: string[] = [];
  let from = 0;
  for (let at = 0; at < commands.length; at += AT_A_TIME) {
    const some = commands.slice(at, at + AT_A_TIME);
    await socket.send(some.map((command) => `${command}\r\nversion\r\n`).join(''));
    const parts = await until(`the answers to commands ${at} to ${at + AT_A_TIME}`, () => {
      const found = socket.received.slice(from).split(/VERSION [\d.]+\r\n/);
      return found.length > some.length ? found : null;
    });
    assert.equal(parts.pop(), '');
    replies.push(...parts.map(comparable));
    from = socket.received.length;
  }
  socket.vanish(false);
  return replies;
}

test('random meta commands are answered as the installed memcached answers them', {
  skip: MEMCACHED === null ? 'memcached is not installed' : false,
}, async (t) => {
  t.diagnostic(`SEED=${SEED}`);
  const random = seededRandom(SEED);
  // The older program's first cas id is 1, which must be nobody's.
  const commands = ['set first 0 0 1\r\nx', ...Array.from({ length: COMMANDS }, () => commandOf(random))];
  const [port = 0] = await freePorts(1);
  const theirs = run(MEMCACHED ?? '', [...AS_ROOT, '-l', '127.0.0.1', '-p', `${port}`]);
  const ours = await startNode([]);
  try {
    const [expected, actual] = await Promise.all([converse(port, commands), converse(ours.port, commands)]);
    for (const [index, command] of commands.entries())
      assert.equal(
        actual[index],
        expected[index],
        `SEED=${SEED}, command ${index}: ${JSON.stringify(command.slice(0, 200))}`,
      );
  } finally {
    await theirs.kill();
    await ours.process.kill();
  }
});
