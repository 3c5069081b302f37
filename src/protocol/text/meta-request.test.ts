import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { base64Bytes, base64KeyBytes, decodeBase64Key, encodeBase64Key } from './base64-key.ts';
import {
  LOWER,
  META_ERROR,
  META_FLAGS_MAX,
  META_KEPT_BYTES,
  MetaRequest,
  parseMetaRequest,
  UPPER,
} from './meta-request.ts';
import { VERB, type Verb } from './verbs.ts';

/** Parses the words behind a verb; junk lies around them. */
function parse(words: string, verb: Verb = VERB.metaGet): { request: MetaRequest; bytes: Uint8Array } {
  const bytes = Uint8Array.from(Buffer.from(`junk ${words} v v`, 'latin1'));
  const request = new MetaRequest();
  parseMetaRequest(bytes, verb, 5, 5 + words.length, request);
  return { request, bytes };
}

function text(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString('latin1');
}

test('key, flags and their arguments are found, in order', () => {
  const { request, bytes } = parse(
    '  key  v k  T-5 O{x} N30 R7 C18446744073709551615 E4294967296 F4294967295 D7 J9 MI',
  );
  assert.equal(request.error, META_ERROR.none);
  assert.equal(text(bytes, request.keyStart, request.keyEnd), 'key');
  assert.equal(text(request.flags, 0, request.flagCount), 'vkTONRCEFDJM');
  assert.equal(request.lower, LOWER.value | LOWER.key);
  assert.equal(text(bytes, request.opaqueStart, request.opaqueEnd), 'O{x}');
  assert.deepEqual(
    [request.exptime, request.autoExptime, request.recacheSeconds, request.clientFlags],
    [-5, 30, 7, 4294967295],
  );
  assert.deepEqual([request.compareHigh, request.compareLow], [4294967295, 4294967295]);
  assert.deepEqual([request.newCasHigh, request.newCasLow], [1, 0]);
  assert.deepEqual([request.deltaLow, request.initialLow, request.mode], [7, 9, 73]);
  assert.notEqual(request.upper & UPPER.recache, 0);
});

test('nothing of one request is left in the next', () => {
  const request = new MetaRequest();
  const first = Buffer.from('k 5 T9 F9 J9 D9 MA C9 E9 O9 b q');
  parseMetaRequest(first, VERB.metaSet, 0, first.length, request);
  const second = Buffer.from('k');
  parseMetaRequest(second, VERB.metaGet, 0, 1, request);
  assert.deepEqual(
    [request.lower, request.upper, request.flagCount, request.valueBytes, request.mode],
    [0, 0, 0, -1, -1],
  );
  assert.deepEqual(
    [request.exptime, request.clientFlags, request.initialLow, request.deltaLow, request.error],
    [0, 0, 0, 1, META_ERROR.none],
  );
});

test('the length of ms stands behind the key, and without one nothing else is looked at', () => {
  assert.equal(parse('k 5 v v', VERB.metaSet).request.valueBytes, 5);
  assert.equal(parse('k 5 v v', VERB.metaSet).request.error, META_ERROR.duplicateFlag);
  for (const words of ['k', 'k x v v', 'k -1', 'k 2147483646', 'k 99999999999999999', 'k 5x'])
    assert.deepEqual(
      [parse(words, VERB.metaSet).request.valueBytes, parse(words, VERB.metaSet).request.error],
      [-1, META_ERROR.format],
      words,
    );
  const tooLong = parse(`${'k'.repeat(251)} 5`, VERB.metaSet).request;
  assert.deepEqual([tooLong.valueBytes, tooLong.error], [5, META_ERROR.format]);
});

test('each error has its number', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['', META_ERROR.format],
    ['k'.repeat(250), META_ERROR.none],
    ['k'.repeat(251), META_ERROR.format],
    ['k v v', META_ERROR.duplicateFlag],
    ['k ~', META_ERROR.invalidFlag],
    ['k @', META_ERROR.invalidFlag],
    ['k `', META_ERROR.invalidFlag],
    ['k \xe9', META_ERROR.invalidFlag],
    ['k a', META_ERROR.invalidFlag],
    ['k S', META_ERROR.invalidFlag],
    ['k T', META_ERROR.badToken],
    ['k T2147483648', META_ERROR.badToken],
    ['k T2147483647', META_ERROR.none],
    ['k T-2147483648', META_ERROR.none],
    ['k T-2147483649', META_ERROR.badToken],
    ['k T-', META_ERROR.badToken],
    ['k T+5', META_ERROR.none],
    ['k N1e3', META_ERROR.badToken],
    ['k R', META_ERROR.badToken],
    ['k C-1', META_ERROR.badToken],
    ['k C18446744073709551616', META_ERROR.badToken],
    ['k E', META_ERROR.badToken],
    ['k F4294967296', META_ERROR.format],
    ['k Dx', META_ERROR.delta],
    ['k Jx', META_ERROR.initial],
    ['k Tx Dx', META_ERROR.delta],
    ['k Dx Tx', META_ERROR.badToken],
    ['k Tx Fx', META_ERROR.badToken],
    ['k Tx v v', META_ERROR.duplicateFlag],
    [`k O${'x'.repeat(31)}`, META_ERROR.none],
    [`k O${'x'.repeat(32)}`, META_ERROR.opaqueTooLong],
    [`k O${'x'.repeat(32)} Tx`, META_ERROR.badToken],
    ['!!! b', META_ERROR.badBase64],
    ['Zm9v b', META_ERROR.none],
  ];
  for (const [words, error] of cases) assert.equal(parse(words).request.error, error, words);
  for (const words of ['k v v', 'k ~', 'k Tx', 'k Dx', '!!! b', 'k Fx'])
    assert.equal(parse(words, VERB.metaArithmetic).request.error, META_ERROR.invalidOrDuplicateFlag, words);
});

test('there is a bound on the number of flags', () => {
  const letters = 'b c f h k l q s t u v x P L I D1 J1 C1 F1 MI E1'.split(' ');
  assert.ok(letters.length > META_FLAGS_MAX);
  const most = letters.slice(0, META_FLAGS_MAX).join(' ');
  assert.equal(parse(`Zm9v ${most}`).request.error, META_ERROR.none);
  assert.equal(parse(`Zm9v ${most} E1`).request.error, META_ERROR.tooManyFlags);
  assert.equal(parse(`Zm9v ${most} E1`, VERB.metaArithmetic).request.error, META_ERROR.tooManyFlags);
});

test('parsing changes no bytes; a base64 key is decoded over itself when it is asked for', () => {
  const { request, bytes } = parse('AAEgDQr/ b k Oz');
  const before = bytes.slice();
  assert.deepEqual(bytes, before);
  request.decodeKey(bytes);
  assert.equal(text(bytes, request.keyStart, request.keyEnd), '\x00\x01 \r\n\xff');
  assert.equal(text(bytes, request.opaqueStart, request.opaqueEnd), 'Oz');
});

test('a copy outlives the bytes of the request', () => {
  const { request, bytes } = parse(`${'k'.repeat(250)} 7 k q O${'x'.repeat(31)} C9 E8 MA`, VERB.metaSet);
  const kept = new Uint8Array(META_KEPT_BYTES);
  const copy = new MetaRequest();
  copy.copyFrom(request, bytes, kept);
  bytes.fill(0);
  assert.equal(text(kept, copy.keyStart, copy.keyEnd), 'k'.repeat(250));
  assert.equal(text(kept, copy.opaqueStart, copy.opaqueEnd), `O${'x'.repeat(31)}`);
  for (const field of [
    'verb',
    'lower',
    'upper',
    'flagCount',
    'valueBytes',
    'mode',
    'compareLow',
    'newCasLow',
  ] as const)
    assert.equal(copy[field], request[field], field);
  assert.deepEqual(copy.flags, request.flags);
});

test('base64 goes there and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 250 }), (key) => {
      const expected = Buffer.from(key).toString('base64');
      const target = new Uint8Array(400).fill(1);
      const end = encodeBase64Key(key, 0, key.length, target, 3);
      assert.equal(text(target, 3, end), expected);
      assert.equal(end - 3, base64Bytes(key.length));
      assert.equal(base64KeyBytes(target, 3, end), key.length);
      const behind = target[end];
      const decodedEnd = decodeBase64Key(target, 3, end);
      assert.deepEqual(target.slice(3, decodedEnd), key);
      assert.equal(target[end], behind);
    }),
  );
});

test('no line makes the parser look outside of it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...'vkbqTNRCDEFIJMOPLxS0915-+~ =Zg\0\x80'), { maxLength: 60 }),
      fc.constantFrom(VERB.metaGet, VERB.metaSet, VERB.metaArithmetic),
      (letters, verb) => {
        const { request } = parse(letters.join(''), verb);
        assert.ok(request.flagCount <= META_FLAGS_MAX);
        assert.ok(request.keyStart >= 5 && request.keyEnd <= 5 + letters.length);
      },
    ),
  );
});
