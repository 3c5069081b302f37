import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlabClasses, slabClassSizes } from './slab-classes.ts';

const DEFAULTS = [
  96, 120, 152, 192, 240, 304, 384, 480, 600, 752, 944, 1184, 1480, 1856, 2320, 2904, 3632, 4544, 5680, 7104,
  8880, 11104, 13880, 17352, 21696, 27120, 33904, 42384, 52984, 66232, 82792, 103496, 129376, 161720, 202152,
  252696, 315872, 394840, 524288,
];

test('the default slab classes are those of memcached', () => {
  assert.deepEqual(slabClassSizes(48, 1.25, 524288).slice(1), DEFAULTS);
  const onePage = slabClassSizes(48, 1.25, 1048576);
  assert.equal(onePage.length - 1, 42);
  assert.equal(onePage.at(-1), 1048576);
});

test('there are at most 63 classes, however slowly they grow', () => {
  const sizes = slabClassSizes(48, 1.01, 524288);
  assert.equal(sizes.length - 1, 63);
  const classes = new SlabClasses(sizes);
  for (let bytes = 1; bytes <= 524288; bytes += 7) {
    const slabClass = classes.classOf(bytes);
    assert.ok(classes.chunkBytes[slabClass]! >= bytes);
    assert.ok(slabClass === 1 || classes.chunkBytes[slabClass - 1]! < bytes);
  }
});

test('a size belongs to the smallest class that holds it', () => {
  const classes = new SlabClasses(slabClassSizes(48, 1.25, 524288));
  for (let bytes = 1; bytes <= 524288; bytes++) {
    const slabClass = classes.classOf(bytes);
    if (
      classes.chunkBytes[slabClass]! < bytes ||
      (slabClass > 1 && classes.chunkBytes[slabClass - 1]! >= bytes)
    ) {
      assert.fail(`${bytes} bytes are of class ${slabClass}`);
    }
  }
  assert.equal(classes.chunksPerPage[31], 12);
});
