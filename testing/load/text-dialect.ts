import {
  type Dialect,
  type FoundValue,
  type Operation,
  type Outcome,
  plainReply,
  type Reply,
} from './operations.ts';

/** Latin-1 text of a line, and where the next one begins; null when it has no end yet. */
export function lineAt(bytes: Buffer, at: number): { line: string; next: number } | null {
  const end = bytes.indexOf('\r\n', at);
  return end < 0 ? null : { line: bytes.toString('latin1', at, end), next: end + 2 };
}

const OUTCOMES: ReadonlyMap<string, Outcome> = new Map([
  ['STORED', 'done'],
  ['DELETED', 'done'],
  ['TOUCHED', 'done'],
  ['NOT_STORED', 'notStored'],
  ['EXISTS', 'exists'],
  ['NOT_FOUND', 'notFound'],
  ['SERVER_ERROR out of memory storing object', 'noMemory'],
]);

/** Every operation whose reply is VALUE lines and END. */
function isRead(operation: Operation): boolean {
  return operation.kind === 'get' || operation.kind === 'gets' || operation.kind === 'gat';
}

function encode(operation: Operation): Buffer {
  switch (operation.kind) {
    case 'get':
      return Buffer.from(`get ${operation.keys.join(' ')}\r\n`, 'latin1');
    case 'gets':
    case 'delete':
      return Buffer.from(`${operation.kind} ${operation.key}\r\n`, 'latin1');
    case 'gat':
      return Buffer.from(`gats ${operation.exptime} ${operation.key}\r\n`, 'latin1');
    case 'incr':
    case 'decr':
      return Buffer.from(`${operation.kind} ${operation.key} 1\r\n`, 'latin1');
    case 'touch':
      return Buffer.from(`touch ${operation.key} ${operation.exptime}\r\n`, 'latin1');
    case 'cas': {
      const { key, value, cas } = operation;
      return Buffer.concat([
        Buffer.from(`cas ${key} 0 0 ${value.length} ${cas}\r\n`),
        value,
        Buffer.from('\r\n'),
      ]);
    }
    default: {
      const { kind, key, value, flags = 0, exptime = 0 } = operation;
      const line = `${kind} ${key} ${flags} ${exptime} ${value.length}\r\n`;
      return Buffer.concat([Buffer.from(line, 'latin1'), value, Buffer.from('\r\n')]);
    }
  }
}

function parseValues(bytes: Buffer, start: number): { reply: Reply; end: number } | null {
  const values: FoundValue[] = [];
  for (let at = start; ; ) {
    const found = lineAt(bytes, at);
    if (found === null) return null;
    const { line, next } = found;
    if (line === 'END')
      return { reply: { outcome: values.length > 0 ? 'done' : 'notFound', values, number: 0 }, end: next };
    const words = /^VALUE (\S+) (\d+) (\d+)(?: (\d+))?$/.exec(line);
    if (words === null) throw new Error(`a get is answered by ${JSON.stringify(line.slice(0, 100))}`);
    const valueEnd = next + Number(words[3]);
    if (bytes.length < valueEnd + 2) return null;
    if (bytes.toString('latin1', valueEnd, valueEnd + 2) !== '\r\n')
      throw new Error(`the value of ${words[1]} has another length than its line says`);
    values.push({
      key: words[1]!,
      flags: Number(words[2]),
      value: Buffer.from(bytes.subarray(next, valueEnd)),
      cas: BigInt(words[4] ?? 0),
    });
    at = valueEnd + 2;
  }
}

function parse(operation: Operation, bytes: Buffer, at: number): { reply: Reply; end: number } | null {
  if (isRead(operation)) return parseValues(bytes, at);
  const found = lineAt(bytes, at);
  if (found === null) return null;
  const { line, next } = found;
  const isCount = operation.kind === 'incr' || operation.kind === 'decr';
  if (isCount && /^\d+$/.test(line)) return { reply: plainReply('done', Number(line)), end: next };
  const outcome = OUTCOMES.get(line);
  if (outcome === undefined)
    throw new Error(`${operation.kind} is answered by ${JSON.stringify(line.slice(0, 100))}`);
  return { reply: plainReply(outcome), end: next };
}

export const textDialect: Dialect = { name: 'text', encode, parse };
