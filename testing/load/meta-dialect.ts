import {
  type Dialect,
  type FoundValue,
  type Operation,
  type Outcome,
  plainReply,
  type Reply,
} from './operations.ts';
import { lineAt } from './text-dialect.ts';

const MODES = { set: 'S', add: 'E', replace: 'R', append: 'A', prepend: 'P' } as const;
const OUTCOMES: ReadonlyMap<string, Outcome> = new Map([
  ['HD', 'done'],
  ['NS', 'notStored'],
  ['EX', 'exists'],
  ['NF', 'notFound'],
  ['EN', 'notFound'],
]);

function encode(operation: Operation): Buffer {
  switch (operation.kind) {
    case 'get':
      // One key is asked for loudly, several as clients ask for many: quietly, with a marker of the end.
      return operation.keys.length === 1
        ? Buffer.from(`mg ${operation.keys[0]} v f k\r\n`)
        : Buffer.from(`${operation.keys.map((key) => `mg ${key} v f k q\r\n`).join('')}mn\r\n`);
    case 'gets':
      return Buffer.from(`mg ${operation.key} v f k c\r\n`);
    case 'gat':
      return Buffer.from(`mg ${operation.key} v f k c T${operation.exptime}\r\n`);
    case 'touch':
      return Buffer.from(`mg ${operation.key} T${operation.exptime}\r\n`);
    case 'incr':
    case 'decr':
      return Buffer.from(`ma ${operation.key} v M${operation.kind === 'incr' ? 'I' : 'D'} D1\r\n`);
    case 'delete':
      return Buffer.from(`md ${operation.key}\r\n`);
    case 'cas': {
      const { key, value, cas } = operation;
      return Buffer.concat([
        Buffer.from(`ms ${key} ${value.length} C${cas}\r\n`),
        value,
        Buffer.from('\r\n'),
      ]);
    }
    default: {
      const { kind, key, value, flags = 0, exptime = 0 } = operation;
      const line = `ms ${key} ${value.length} F${flags} T${exptime} M${MODES[kind]}\r\n`;
      return Buffer.concat([Buffer.from(line), value, Buffer.from('\r\n')]);
    }
  }
}

interface Part {
  readonly code: string;
  readonly value: FoundValue | null;
  readonly end: number;
}

function partAt(bytes: Buffer, at: number): Part | null {
  const found = lineAt(bytes, at);
  if (found === null) return null;
  const { line, next } = found;
  const [code = '', length = '', ...flags] = line.split(' ');
  if (code !== 'VA')
    return { code: line.startsWith('SERVER_ERROR out of memory') ? 'OM' : code, value: null, end: next };
  const end = next + Number(length);
  if (bytes.length < end + 2) return null;
  if (bytes.toString('latin1', end, end + 2) !== '\r\n')
    throw new Error(`the value behind ${line} has another length`);
  const flag = (letter: string): string => flags.find((one) => one.startsWith(letter))?.slice(1) ?? '';
  const value = {
    key: flag('k'),
    flags: Number(flag('f')),
    value: Buffer.from(bytes.subarray(next, end)),
    cas: BigInt(flag('c') || 0),
  };
  return { code, value, end: end + 2 };
}

function parse(operation: Operation, bytes: Buffer, start: number): { reply: Reply; end: number } | null {
  if (operation.kind === 'get' && operation.keys.length > 1) {
    const values: FoundValue[] = [];
    for (let at = start; ; ) {
      const part = partAt(bytes, at);
      if (part === null) return null;
      at = part.end;
      if (part.value !== null) values.push(part.value);
      else if (part.code !== 'MN') throw new Error(`a quiet get is answered by ${part.code}`);
      else return { reply: { outcome: values.length > 0 ? 'done' : 'notFound', values, number: 0 }, end: at };
    }
  }
  const part = partAt(bytes, start);
  if (part === null) return null;
  const { code, value, end } = part;
  if (value !== null) {
    const isCount = operation.kind === 'incr' || operation.kind === 'decr';
    const reply: Reply = isCount
      ? plainReply('done', Number(value.value.toString('latin1')))
      : { outcome: 'done', values: [value], number: 0 };
    return { reply, end };
  }
  const outcome = code === 'OM' ? 'noMemory' : OUTCOMES.get(code);
  if (outcome === undefined) throw new Error(`${operation.kind} is answered by ${code}`);
  return { reply: plainReply(outcome), end };
}

export const metaDialect: Dialect = { name: 'meta', encode, parse };
