/** Rules of the distributions that the recordings do not reach. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../base/random.ts';
import type { PlacedServer } from './index.ts';
import {
  DISTRIBUTIONS,
  KEY_HASHES,
  magentByteHash,
  magentKetama,
  magentModuloHash,
  magentWordHash,
  taggedHash,
} from './index.ts';
import { magentDigestsPerServer } from './magent-ketama.ts';
import { addMarks, Ring } from './ring.ts';

const encoder = new TextEncoder();
const everyone = (): boolean => true;

const pools = fc.uniqueArray(
  fc.record({ name: fc.string({ minLength: 1, maxLength: 20 }), weight: fc.integer({ min: 1, max: 20 }) }),
  { minLength: 1, maxLength: 12, selector: ({ name }) => name },
);

const hashes = fc.integer({ min: 0, max: 0xffffffff });

function shuffled(servers: readonly PlacedServer[], seed: number): PlacedServer[] {
  const random = seededRandom(seed);
  const rest = [...servers];
  return Array.from({ length: rest.length }, () => rest.splice(random.below(rest.length), 1)).flat();
}

test('ketama and modula depend on names and weights, not on the order of the file', () => {
  fc.assert(
    fc.property(
      pools,
      fc.integer(),
      fc.array(hashes, { minLength: 1, maxLength: 20 }),
      (servers, seed, some) => {
        const other = shuffled(servers, seed);
        for (const name of ['ketama', 'modula']) {
          const one = DISTRIBUTIONS.get(name)!(servers, everyone, seededRandom(1));
          const two = DISTRIBUTIONS.get(name)!(other, everyone, seededRandom(1));
          for (const hash of some) {
            const position = one.pick(hash);
            const place = two.pick(hash);
            if (position === -1) assert.equal(place, -1);
            else assert.equal(servers[position]!.name, other[place]!.name);
          }
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('an ejected server gets nothing, and with all ejected there is no server', () => {
  fc.assert(
    fc.property(
      pools,
      fc.nat(),
      fc.array(hashes, { minLength: 1, maxLength: 50 }),
      (servers, number, some) => {
        const dead = number % servers.length;
        for (const make of DISTRIBUTIONS.values()) {
          const rest = make(servers, (position) => position !== dead, seededRandom(number));
          const none = make(servers, () => false, seededRandom(number));
          for (const hash of some) {
            const picked = rest.pick(hash);
            assert.notEqual(picked, dead);
            assert.ok(picked < servers.length && (picked >= 0 || servers.length === 1));
            assert.equal(none.pick(hash), -1);
          }
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('modula repeats each server by its weight, shorter names first', () => {
  const servers = [
    { name: 'bb', weight: 2 },
    { name: 'c', weight: 1 },
    { name: 'aa', weight: 3 },
  ];
  const distribution = DISTRIBUTIONS.get('modula')!(servers, everyone, seededRandom(1));
  assert.equal(Array.from({ length: 12 }, (_, hash) => distribution.pick(hash)).join(''), '122200122200');
});

test('random is even over the live servers, whatever the weights', () => {
  const servers = [1, 50, 1, 1].map((weight, i) => ({ name: `s${i}`, weight }));
  const random = DISTRIBUTIONS.get('random')!(servers, (position) => position !== 3, seededRandom(7));
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 3000; i++) counts[random.pick(i)]!++;
  assert.equal(counts[3], 0);
  for (const count of counts.slice(0, 3)) assert.ok(count > 900 && count < 1100, `${counts}`);
});

test('a ring gives a hash to the first point at or after it and wraps behind the last', () => {
  const mark = (point: number, owner: number): number => point * 2 ** 20 + owner;
  const ring = new Ring([mark(300, 2), mark(100, 0), mark(0xffffff00, 1), mark(300, 5)]);
  const owners = [0, 99, 100, 101, 299, 300, 301, 0xffffff00, 0xffffff01, 0xffffffff].map((hash) =>
    ring.ownerOf(hash),
  );
  assert.deepEqual(owners, [0, 0, 0, 2, 2, 2, 1, 1, 0, 0]);
  assert.equal(new Ring([]).ownerOf(0), -1);
});

test('a ring of any size finds what a search over all its points finds', () => {
  const random = seededRandom(11);
  for (const count of [1, 2, 3, 4, 7, 64, 640, 70_000]) {
    // Of some sizes all points lie close together, as no digest would have it.
    const spread = count % 7 === 0 ? 2 ** 12 : 2 ** 32;
    const points = Array.from(
      { length: count },
      () => random.below(2 ** 16) * 2 ** 16 + random.below(2 ** 16),
    );
    const sorted = points.map((point) => point % spread).sort((a, b) => a - b);
    const ring = new Ring(sorted.map((point, i) => point * 2 ** 20 + i));
    const hashes = [0, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
    for (let i = 0; i < 200; i++) {
      const point = sorted[random.below(count)]!;
      hashes.push(point, Math.max(0, point - 1), Math.min(2 ** 32 - 1, point + 1), random.below(2 ** 31) * 2);
    }
    for (const hash of hashes) {
      const at = sorted.findIndex((point) => point >= hash);
      assert.equal(ring.ownerOf(hash), Math.max(at, 0), `${hash} among ${count} points`);
    }
  }
});

test('a name gives four points for each digest of NAME-0, NAME-1, …', () => {
  const marks: number[] = [];
  addMarks(marks, 'a', 3, 2);
  const bytes = encoder.encode('a-1');
  assert.equal(marks.length, 8);
  assert.equal(marks[4], KEY_HASHES.get('md5')!(bytes, 0, 3) * 2 ** 20 + 3);
});

test('magent: single precision leaves 499 digests at the counts where it did in C', () => {
  const short = Array.from({ length: 121 }, (_, i) => i + 1).filter(
    (count) => magentDigestsPerServer(count) !== 500,
  );
  assert.deepEqual(short, [47, 59, 83, 94, 101, 107, 109, 118, 121]);
  for (const count of short) assert.equal(magentDigestsPerServer(count), 499);
});

test('magent -k: a digest that begins with 0 goes by the modulo rule', () => {
  const names = ['127.1-11221', '127.1-11222', '127.1-11223'];
  const ring = magentKetama(names, 'byte');
  let byModulo = 0;
  for (let i = 0; i < 2000; i++) {
    const key = encoder.encode(`key${i}`);
    const hash = magentByteHash(key, 0, key.length);
    const first = magentWordHash(key, 0, key.length) & 0xff;
    if (first !== 0) assert.equal(hash, first);
    else {
      byModulo++;
      assert.equal(ring.pick(hash), magentModuloHash(key, 0, key.length) % names.length);
    }
  }
  assert.ok(byModulo > 0, 'no key tried the rule');
});

test('magent: key hashes end at the first NUL', () => {
  const key = encoder.encode('ab\0cd');
  assert.equal(magentWordHash(key, 0, 5), magentWordHash(key, 0, 2));
  assert.equal(magentByteHash(key, 0, 5), magentByteHash(key, 0, 2));
});

test('hash tags: first opening, then first closing behind it, with something between', () => {
  const hash = KEY_HASHES.get('fnv1a_64')!;
  const tagged = taggedHash(hash, 0x7b, 0x7d);
  const cases = [
    ['x{user1}:ids', 'user1'],
    ['{user1}', 'user1'],
    ['}{a}b}', 'a'],
    ['{}x{a}', '{}x{a}'],
    ['{a', '{a'],
    ['a}', 'a}'],
    ['{{a}}', '{a'],
    ['{', '{'],
  ] as const;
  for (const [key, part] of cases) {
    const bytes = encoder.encode(key);
    const alone = encoder.encode(part);
    assert.equal(tagged(bytes, 0, bytes.length), hash(alone, 0, alone.length), key);
  }
  const same = taggedHash(hash, 0x24, 0x24);
  const bytes = encoder.encode('x$t$x');
  assert.equal(same(bytes, 0, 5), hash(encoder.encode('t'), 0, 1));
});
