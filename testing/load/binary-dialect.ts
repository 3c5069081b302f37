import {
  type Dialect,
  type FoundValue,
  type Operation,
  type Outcome,
  plainReply,
  type Reply,
} from './operations.ts';

const HEADER_BYTES = 24;
const OPCODE = {
  get: 0x00,
  getKey: 0x0c,
  getKeyQuietly: 0x0d,
  noop: 0x0a,
  set: 0x01,
  add: 0x02,
  replace: 0x03,
  delete: 0x04,
  incr: 0x05,
  decr: 0x06,
  append: 0x0e,
  prepend: 0x0f,
  touch: 0x1c,
  getAndTouchKey: 0x23,
} as const;
const NO_CREATION = 0xffffffff;
const EMPTY = Buffer.alloc(0);

function packet(
  opcode: number,
  key: string,
  extras: Buffer = EMPTY,
  value: Buffer = EMPTY,
  cas = 0n,
): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = 0x80;
  header[1] = opcode;
  header.writeUInt16BE(key.length, 2);
  header[4] = extras.length;
  header.writeUInt32BE(extras.length + key.length + value.length, 8);
  header.writeBigUInt64BE(cas, 16);
  return Buffer.concat([header, extras, Buffer.from(key, 'latin1'), value]);
}

function words(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  numbers.forEach((number, i) => {
    bytes.writeUInt32BE(number, i * 4);
  });
  return bytes;
}

function encode(operation: Operation): Buffer {
  switch (operation.kind) {
    case 'get':
      return operation.keys.length === 1
        ? packet(OPCODE.getKey, operation.keys[0]!)
        : Buffer.concat([
            ...operation.keys.map((key) => packet(OPCODE.getKeyQuietly, key)),
            packet(OPCODE.noop, ''),
          ]);
    case 'gets':
      return packet(OPCODE.getKey, operation.key);
    case 'gat':
      return packet(OPCODE.getAndTouchKey, operation.key, words(operation.exptime));
    case 'touch':
      return packet(OPCODE.touch, operation.key, words(operation.exptime));
    case 'incr':
    case 'decr':
      return packet(OPCODE[operation.kind], operation.key, words(0, 1, 0, 0, NO_CREATION));
    case 'delete':
      return packet(OPCODE.delete, operation.key);
    case 'cas':
      return packet(OPCODE.set, operation.key, words(0, 0), operation.value, operation.cas);
    case 'append':
    case 'prepend':
      return packet(OPCODE[operation.kind], operation.key, EMPTY, operation.value);
    default: {
      const { kind, key, value, flags = 0, exptime = 0 } = operation;
      return packet(OPCODE[kind], key, words(flags, exptime), value);
    }
  }
}

interface Packet {
  readonly opcode: number;
  readonly status: number;
  readonly value: FoundValue;
  readonly end: number;
}

function packetAt(bytes: Buffer, at: number): Packet | null {
  if (bytes.length < at + HEADER_BYTES) return null;
  if (bytes[at] !== 0x81) throw new Error(`a reply begins with the byte ${bytes[at]}`);
  const keyBytes = bytes.readUInt16BE(at + 2);
  const extrasBytes = bytes[at + 4]!;
  const body = at + HEADER_BYTES;
  const end = body + bytes.readUInt32BE(at + 8);
  if (bytes.length < end) return null;
  const key = body + extrasBytes;
  return {
    opcode: bytes[at + 1]!,
    status: bytes.readUInt16BE(at + 6),
    value: {
      key: bytes.toString('latin1', key, key + keyBytes),
      flags: extrasBytes === 4 ? bytes.readUInt32BE(body) : 0,
      value: Buffer.from(bytes.subarray(key + keyBytes, end)),
      cas: bytes.readBigUInt64BE(at + 16),
    },
    end,
  };
}

function outcomeOf(operation: Operation, { status, value }: Packet): Outcome {
  if (status === 0) return 'done';
  if (status === 0x82) return 'noMemory';
  if (status === 5) return 'notStored';
  if (status === 1) return operation.kind === 'replace' ? 'notStored' : 'notFound';
  if (status === 2) return operation.kind === 'add' ? 'notStored' : 'exists';
  throw new Error(
    `${operation.kind} is answered by status ${status}: ${value.value.toString('latin1', 0, 100)}`,
  );
}

function parse(operation: Operation, bytes: Buffer, start: number): { reply: Reply; end: number } | null {
  if (operation.kind === 'get' && operation.keys.length > 1) {
    const values: FoundValue[] = [];
    for (let at = start; ; ) {
      const one = packetAt(bytes, at);
      if (one === null) return null;
      at = one.end;
      if (one.status !== 0) throw new Error(`a quiet get is answered by status ${one.status}`);
      if (one.opcode !== OPCODE.noop) values.push(one.value);
      else return { reply: { outcome: values.length > 0 ? 'done' : 'notFound', values, number: 0 }, end: at };
    }
  }
  const one = packetAt(bytes, start);
  if (one === null) return null;
  const { end } = one;
  const outcome = outcomeOf(operation, one);
  if (outcome !== 'done') return { reply: plainReply(outcome), end };
  if (operation.kind === 'incr' || operation.kind === 'decr')
    return { reply: plainReply('done', Number(one.value.value.readBigUInt64BE(0))), end };
  const isRead = operation.kind === 'get' || operation.kind === 'gets' || operation.kind === 'gat';
  return { reply: isRead ? { outcome, values: [one.value], number: 0 } : plainReply(outcome), end };
}

export const binaryDialect: Dialect = { name: 'binary', encode, parse };
