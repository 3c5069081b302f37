import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OPCODE, OPCODE_TRAITS, SHAPE } from './opcodes.ts';
import { BinaryRequest, copyRequest, HEADER_FAULT, parseRequestHeader } from './request-header.ts';

interface Lengths {
  readonly opcode: number;
  readonly key?: number;
  readonly extras?: number;
  readonly body?: number;
  readonly magic?: number;
}

/** A header at some place of a larger array, with junk around it. */
function header({ opcode, key = 0, extras = 0, body = key + extras, magic = 0x80 }: Lengths): Buffer {
  const bytes = Buffer.alloc(40, 0xee);
  bytes.writeUInt8(magic, 8);
  bytes.writeUInt8(opcode, 9);
  bytes.writeUInt16BE(key, 10);
  bytes.writeUInt8(extras, 12);
  bytes.writeUInt32BE(body, 16);
  bytes.writeUInt32BE(0xfedcba98, 20);
  bytes.writeBigUInt64BE(0x8091a2b3c4d5e6f7n, 24);
  return bytes;
}

function parse(lengths: Lengths): BinaryRequest {
  const request = new BinaryRequest();
  parseRequestHeader(header(lengths), 8, request);
  return request;
}

function faultOf(lengths: Lengths): number {
  return parse(lengths).fault;
}

test('all fields are read, none as a negative number', () => {
  const request = parse({ opcode: OPCODE.set, key: 250, extras: 8, body: 0x3fffffff });
  assert.deepEqual(
    { ...request },
    {
      fault: HEADER_FAULT.none,
      opcode: 1,
      keyBytes: 250,
      extrasBytes: 8,
      bodyBytes: 0x3fffffff,
      opaque: 0xfedcba98,
      casHigh: 0x8091a2b3,
      casLow: 0xc4d5e6f7,
    },
  );
  assert.deepEqual(copyRequest(request, new BinaryRequest()), request);
});

test('a request is used again without a trace of the one before', () => {
  const request = new BinaryRequest();
  parseRequestHeader(header({ opcode: 0x60, key: 300, extras: 3, magic: 0 }), 8, request);
  parseRequestHeader(header({ opcode: OPCODE.noop }), 8, request);
  assert.deepEqual(request, parse({ opcode: OPCODE.noop }));
});

test('of several mistakes the one counts that memcached finds first', () => {
  const all = { opcode: 0x60, key: 300, extras: 200, body: 10, magic: 0x81 };
  assert.equal(faultOf(all), HEADER_FAULT.magic);
  assert.equal(faultOf({ ...all, magic: 0x80 }), HEADER_FAULT.overrun);
  assert.equal(faultOf({ ...all, magic: 0x80, body: 500 }), HEADER_FAULT.lengths);
  assert.equal(faultOf({ ...all, magic: 0x80, body: 500, key: 250 }), HEADER_FAULT.unknownOpcode);
});

test('key and extras fill the body at most', () => {
  assert.equal(faultOf({ opcode: OPCODE.set, key: 5, extras: 8, body: 13 }), HEADER_FAULT.none);
  assert.equal(faultOf({ opcode: OPCODE.set, key: 5, extras: 8, body: 12 }), HEADER_FAULT.overrun);
  assert.equal(faultOf({ opcode: OPCODE.get, key: 5, body: 4 }), HEADER_FAULT.overrun);
});

test('bounds: a key of 250 bytes, a body of 1 GiB', () => {
  for (const opcode of [OPCODE.get, OPCODE.getKQ, OPCODE.delete]) {
    assert.equal(faultOf({ opcode, key: 250 }), HEADER_FAULT.none);
    assert.equal(faultOf({ opcode, key: 251 }), HEADER_FAULT.lengths);
  }
  const gibibyte = 1024 ** 3;
  assert.equal(faultOf({ opcode: OPCODE.append, key: 1, body: gibibyte }), HEADER_FAULT.none);
  assert.equal(faultOf({ opcode: OPCODE.append, key: 1, body: gibibyte + 1 }), HEADER_FAULT.lengths);
  assert.equal(faultOf({ opcode: OPCODE.append, key: 1, body: 0xffffffff }), HEADER_FAULT.lengths);
});

test('no array is read beyond the header, and all 256 opcodes have traits', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 24, maxLength: 24 }), (bytes) => {
      const request = new BinaryRequest();
      parseRequestHeader(bytes, 0, request);
      for (const value of Object.values(request)) assert.ok(Number.isInteger(value) && value >= 0);
      const { shape, loud, isQuiet } = OPCODE_TRAITS[request.opcode]!;
      assert.equal(OPCODE_TRAITS[loud]!.shape, shape);
      assert.equal(OPCODE_TRAITS[loud]!.isQuiet, false);
      assert.equal(isQuiet, loud !== request.opcode);
      if (shape === SHAPE.unknown) assert.notEqual(request.fault, HEADER_FAULT.none);
    }),
  );
});

test('each quiet opcode is a loud one that is known, and has its name with a Q', () => {
  const names = new Map<number, string>(Object.entries(OPCODE).map(([name, opcode]) => [opcode, name]));
  for (const [opcode, { loud, isQuiet, shape }] of OPCODE_TRAITS.entries()) {
    assert.equal(shape === SHAPE.unknown, !names.has(opcode));
    if (isQuiet) assert.equal(names.get(opcode), `${names.get(loud)}Q`);
    else if (names.has(opcode)) assert.ok(!names.get(opcode)?.endsWith('Q'));
  }
});

test('what may change the cache: stores, counters, deletes, flushes and all that touches, loud and quiet', () => {
  const changes = Object.entries(OPCODE).flatMap(([name, opcode]) =>
    OPCODE_TRAITS[opcode]!.isChange ? [name] : [],
  );
  const loud = 'set add replace delete increment decrement flush append prepend'.split(' ');
  const touching = 'touch getAndTouch getAndTouchQ getAndTouchK getAndTouchKQ'.split(' ');
  const expected = [...loud, ...loud.map((name) => `${name}Q`), ...touching];
  assert.deepEqual(changes.sort(), expected.sort());
});
