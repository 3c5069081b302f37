import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OPCODE } from '../src/protocol/binary/opcodes.ts';
import { bytesOf, differenceOf, repeat } from './transcripts.ts';

/** A reply as it came. Texts are latin-1. */
export interface BinaryReply {
  readonly magic: number;
  readonly opcode: number;
  readonly dataType: number;
  readonly status: number;
  readonly opaque: number;
  readonly cas: bigint;
  readonly extras: string;
  readonly key: string;
  readonly value: string;
}

/** What a `<` line says. */
interface ExpectedReply {
  readonly line: number;
  readonly opcode: number;
  /** `<...`: any number of replies of this opcode that have a key. */
  readonly isRest: boolean;
  readonly status: number;
  readonly opaque: number;
  /** A number, `any` (but not 0), or the name of a cas id. */
  readonly cas: bigint | string;
  readonly extras: string;
  readonly key: string;
  readonly value: string;
}

/** Cas ids that replies have brought, by the names that the transcript gives them. */
export type CasNames = Map<string, bigint>;

/** Requests that can be sent at once, and their replies: a round ends where a request needs a cas id of a reply before it. */
export interface Round {
  readonly sent: readonly ((names: CasNames) => string)[];
  readonly expected: readonly ExpectedReply[];
}

/** One case of test/transcripts/binary; the format is described in test/transcripts/README.md. */
export interface BinaryTranscript {
  readonly name: string;
  readonly rounds: readonly Round[];
  readonly closed: boolean;
  /** The installed memcached is known to answer otherwise. */
  readonly differs: boolean;
  /** `@ users name:password ...`: the server has SASL on. */
  readonly users: string | null;
}

/** The words of the errors, by name. Spelt out here as the reference has them, so that a wrong word in the sources is found. */
const ERRORS: Readonly<Record<string, readonly [number, string]>> = {
  notFound: [0x01, 'Not found'],
  exists: [0x02, 'Data exists for key.'],
  tooLarge: [0x03, 'Too large.'],
  invalidArguments: [0x04, 'Invalid arguments'],
  notStored: [0x05, 'Not stored.'],
  nonNumeric: [0x06, 'Non-numeric server-side value for incr or decr'],
  authError: [0x20, 'Auth failure.'],
  unknownCommand: [0x81, 'Unknown command'],
};

const OPCODES: ReadonlyMap<string, number> = new Map(Object.entries(OPCODE));

const REQUEST_FIELDS: readonly string[] = [
  ...['key', 'value', 'extras', 'flags', 'exptime', 'delta', 'initial', 'cas', 'opaque'],
  ...['magic', 'datatype', 'vbucket', 'keylen', 'extlen', 'bodylen'],
];
const REPLY_FIELDS: readonly string[] = [
  ...['key', 'value', 'extras', 'flags', 'number', 'cas', 'opaque', 'status', 'error'],
];

function uint(value: bigint | number, bytes: number): string {
  return BigInt.asUintN(bytes * 8, BigInt(value))
    .toString(16)
    .padStart(bytes * 2, '0')
    .replace(/../g, (hex) => String.fromCharCode(Number.parseInt(hex, 16)));
}

interface Fields {
  readonly opcode: number;
  readonly name: string;
  readonly values: ReadonlyMap<string, string>;
}

function readFields(text: string, known: readonly string[], where: string): Fields {
  const [name = '', ...words] = text.split(' ');
  const opcode = OPCODES.get(name) ?? (/^0x[0-9a-f]{2}$/.test(name) ? Number(name) : -1);
  if (opcode < 0) throw new Error(`${where}: no such command: ${name}`);
  const values = new Map<string, string>();
  for (const word of words) {
    const equals = word.indexOf('=');
    const field = word.slice(0, equals);
    if (!known.includes(field)) throw new Error(`${where}: no such field: ${word}`);
    values.set(field, repeat(bytesOf(word.slice(equals + 1))));
  }
  return { opcode, name: name.replace(/Q$/, ''), values };
}

function extrasOf({ name, values }: Fields): string {
  const extras = values.get('extras');
  if (extras !== undefined) return extras;
  const number = (field: string, bytes: number, usual: number): string =>
    uint(BigInt(values.get(field) ?? usual), bytes);
  switch (name) {
    case 'set':
    case 'add':
    case 'replace':
      return number('flags', 4, 0) + number('exptime', 4, 0);
    case 'increment':
    case 'decrement':
      return number('delta', 8, 1) + number('initial', 8, 0) + number('exptime', 4, 0);
    case 'touch':
    case 'getAndTouch':
    case 'getAndTouchK':
      return number('exptime', 4, 0);
    case 'flush':
      return values.has('exptime') ? number('exptime', 4, 0) : '';
    default:
      return '';
  }
}

/** The bytes of a request, all but its cas id settled. */
function requestBytes(fields: Fields, opaque: number, cas: bigint): string {
  const { opcode, values } = fields;
  const extras = extrasOf(fields);
  const key = values.get('key') ?? '';
  const value = values.get('value') ?? '';
  const number = (field: string, bytes: number, usual: number): string =>
    uint(Number(values.get(field) ?? usual), bytes);
  const header = [
    number('magic', 1, 0x80),
    uint(opcode, 1),
    number('keylen', 2, key.length),
    number('extlen', 1, extras.length),
    number('datatype', 1, 0),
    number('vbucket', 2, 0),
    number('bodylen', 4, extras.length + key.length + value.length),
    uint(opaque, 4),
    uint(cas, 8),
  ];
  return header.join('') + extras + key + value;
}

function expectedReply(fields: Fields, line: number, isRest: boolean, opaque: number): ExpectedReply {
  const { opcode, values } = fields;
  const error = values.get('error');
  const [status, text] = error === undefined ? [0, ''] : (ERRORS[error] ?? [-1, '']);
  if (status < 0) throw new Error(`line ${line}: no such error: ${error}`);
  const flags = values.get('flags');
  const number = values.get('number');
  const cas = values.get('cas') ?? '0';
  return {
    line,
    opcode,
    isRest,
    status: Number(values.get('status') ?? status),
    opaque: Number(values.get('opaque') ?? opaque),
    cas: /^\d+$/.test(cas) ? BigInt(cas) : cas.replace(/[{}]/g, ''),
    extras: values.get('extras') ?? (flags === undefined ? '' : uint(Number(flags), 4)),
    key: values.get('key') ?? '',
    value: values.get('value') ?? (number === undefined ? text : uint(BigInt(number), 8)),
  };
}

/** Parses one transcript file. @throws Error naming the file and line of what it does not know */
export function parseBinaryTranscript(name: string, text: string): BinaryTranscript {
  const rounds: { sent: ((names: CasNames) => string)[]; expected: ExpectedReply[] }[] = [
    { sent: [], expected: [] },
  ];
  let closed = false;
  let differs = false;
  let users: string | null = null;
  let requests = 0;
  /** The opaque of the last request of each opcode: what its reply must bring back. */
  const opaques = new Map<number, number>();
  for (const [index, line] of text.split('\n').entries()) {
    const where = `${name}:${index + 1}`;
    const round = rounds.at(-1)!;
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('>| ')) {
      const bytes = repeat(bytesOf(line.slice(3)));
      round.sent.push(() => bytes);
    } else if (line.startsWith('> ')) {
      const fields = readFields(line.slice(2), REQUEST_FIELDS, where);
      const opaque = Number(fields.values.get('opaque') ?? 0xab000000 + ++requests);
      opaques.set(fields.opcode, opaque);
      const cas = fields.values.get('cas') ?? '0';
      const casName = /^\{(\w+)([+]1)?\}$/.exec(cas);
      if (casName === null) {
        const bytes = requestBytes(fields, opaque, BigInt(cas));
        round.sent.push(() => bytes);
      } else {
        const next = round.expected.length === 0 ? round : { sent: [], expected: [] };
        if (next !== round) rounds.push(next);
        next.sent.push((names) => {
          const known = names.get(casName[1] ?? '');
          if (known === undefined) throw new Error(`${where}: no cas id has this name yet`);
          return requestBytes(fields, opaque, known + (casName[2] === undefined ? 0n : 1n));
        });
      }
    } else if (line.startsWith('< ') || line.startsWith('<... ')) {
      const isRest = line.startsWith('<...');
      const fields = readFields(line.slice(isRest ? 5 : 2), REPLY_FIELDS, where);
      round.expected.push(expectedReply(fields, index + 1, isRest, opaques.get(fields.opcode) ?? 0));
    } else if (line === '= closed') closed = true;
    else if (line === '@ differs') differs = true;
    else if (line.startsWith('@ users ')) users = line.slice(8).replaceAll(' ', '\n');
    else throw new Error(`${where}: not a transcript line: ${line}`);
  }
  return { name, rounds, closed, differs, users };
}

/** All transcripts of a folder, by name. */
export function readBinaryTranscripts(folder: string): BinaryTranscript[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.txt'))
    .sort()
    .map((file) => parseBinaryTranscript(file.slice(0, -4), readFileSync(join(folder, file), 'latin1')));
}

/** The complete replies in a latin-1 text, and how many of its characters they are. */
export function parseReplies(text: string): { replies: BinaryReply[]; used: number } {
  const bytes = Buffer.from(text, 'latin1');
  const replies: BinaryReply[] = [];
  let at = 0;
  while (bytes.length - at >= 24) {
    const bodyBytes = bytes.readUInt32BE(at + 8);
    if (bytes.length - at - 24 < bodyBytes) break;
    const extrasStart = at + 24;
    const keyStart = extrasStart + bytes.readUInt8(at + 4);
    const valueStart = keyStart + bytes.readUInt16BE(at + 2);
    const end = extrasStart + bodyBytes;
    replies.push({
      magic: bytes.readUInt8(at),
      opcode: bytes.readUInt8(at + 1),
      dataType: bytes.readUInt8(at + 5),
      status: bytes.readUInt16BE(at + 6),
      opaque: bytes.readUInt32BE(at + 12),
      cas: bytes.readBigUInt64BE(at + 16),
      extras: text.slice(extrasStart, keyStart),
      key: text.slice(keyStart, valueStart),
      value: text.slice(valueStart, end),
    });
    at = end;
  }
  return { replies, used: at };
}

/** Whether all replies of a round are there: as many as it names, the last of them being the last that it names. */
export function isComplete(round: Round, replies: readonly BinaryReply[]): boolean {
  const plain = round.expected.filter((expected) => !expected.isRest);
  const rest = round.expected.filter((expected) => expected.isRest).map((expected) => expected.opcode);
  return replies.filter((reply) => !(rest.includes(reply.opcode) && reply.key !== '')).length >= plain.length;
}

/** Compares the replies of a round with what it expects, and notes the cas ids that it names. @returns null when they agree */
export function differenceOfReplies(
  round: Round,
  replies: readonly BinaryReply[],
  names: CasNames,
): string | null {
  let next = 0;
  for (const expected of round.expected) {
    if (expected.isRest) {
      while (replies[next]?.opcode === expected.opcode && replies[next]?.key !== '') next++;
      continue;
    }
    const reply = replies[next++];
    if (reply === undefined) return `line ${expected.line}: there is no reply`;
    const difference = differenceOfOne(expected, reply, names);
    if (difference !== null) return `line ${expected.line}: ${difference}`;
  }
  const surplus = replies[next];
  return surplus === undefined ? null : `one reply too many: ${JSON.stringify(shown(surplus))}`;
}

function shown(reply: BinaryReply): object {
  return { ...reply, cas: String(reply.cas), value: reply.value.slice(0, 80) };
}

function differenceOfOne(expected: ExpectedReply, reply: BinaryReply, names: CasNames): string | null {
  const say = (field: string, is: unknown, should: unknown): string =>
    `${field} ${String(is)} instead of ${String(should)} in ${JSON.stringify(shown(reply))}`;
  if (reply.magic !== 0x81) return say('magic', reply.magic, 0x81);
  if (reply.dataType !== 0) return say('data type', reply.dataType, 0);
  for (const field of ['opcode', 'status', 'opaque'] as const)
    if (reply[field] !== expected[field]) return say(field, reply[field], expected[field]);
  for (const field of ['extras', 'key', 'value'] as const) {
    const difference = differenceOf(reply[field], expected[field]);
    if (difference !== null) return `${field}: ${difference}`;
  }
  if (typeof expected.cas === 'bigint')
    return reply.cas === expected.cas ? null : say('cas', reply.cas, expected.cas);
  if (reply.cas === 0n) return say('cas', 0, expected.cas);
  if (expected.cas === 'any') return null;
  const known = names.get(expected.cas);
  if (known === undefined) names.set(expected.cas, reply.cas);
  return known === undefined || known === reply.cas ? null : say('cas', reply.cas, known);
}
