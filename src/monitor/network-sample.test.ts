import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlTree } from '../../testing/control-entries.ts';
import { evaluate } from '../checks/test-evaluation.ts';
import type { InterfaceReading } from '../system/device-figures.ts';
import { NetworkSampler } from './network-sample.ts';

const QUIET: InterfaceReading = {
  isUp: true,
  bitsPerSecond: 1_000_000,
  duplex: 'full',
  downloadBytes: 0,
  downloadPackets: 0,
  downloadErrors: 0,
  uploadBytes: 0,
  uploadPackets: 0,
  uploadErrors: 0,
};

/** Looks at an interface that is what the test says; what its rules come to: m matched, n not, ? unknown. */
class Watched {
  reading: InterfaceReading | null = QUIET;
  readonly #sampler: NetworkSampler;
  readonly #rules: ReturnType<typeof controlTree>['services'][number]['rules'];
  #before: ReturnType<NetworkSampler['sample']> | null = null;

  constructor(rules: string) {
    const entry = controlTree(`check network n with interface lan ${rules}`).services[0];
    assert.ok(entry !== undefined);
    this.#rules = entry.rules;
    this.#sampler = new NetworkSampler(entry, () => this.reading);
  }

  look(atMs: number, changes: Partial<InterfaceReading> = {}): string {
    if (this.reading !== null) this.reading = { ...this.reading, ...changes };
    const sample = this.#sampler.sample(atMs);
    const letters = { matched: 'm', 'not-matched': 'n', unknown: '?' };
    const verdicts = this.#rules.map(({ test: rule }, index) =>
      evaluate(rule, index, sample, this.#before, 2),
    );
    this.#before = sample;
    return verdicts.map(({ result }) => letters[result]).join('');
  }
}

test('a link is up or down, and one that is not there is down', () => {
  const watched = new Watched('if failed link then alert');
  assert.equal(watched.look(0), 'n');
  assert.equal(watched.look(1000, { isUp: false }), 'm');
  watched.reading = null;
  assert.equal(watched.look(2000), 'm');
  watched.reading = QUIET;
  assert.equal(watched.look(3000), 'n');
});

test('a change of its speed or of its duplex is one of its capacity', () => {
  const watched = new Watched('if changed link capacity then alert');
  assert.equal(watched.look(0), '?');
  assert.equal(watched.look(1000), 'n');
  assert.equal(watched.look(2000, { bitsPerSecond: 100_000 }), 'm');
  assert.equal(watched.look(3000, { duplex: 'half' }), 'm');
  assert.equal(watched.look(4000), 'n');
});

test('rates are those since the look before; the fuller direction saturates the link', () => {
  const watched = new Watched(
    'if upload > 1 kB/s then alert if download > 10 packets/s then alert if saturation > 50% then alert',
  );
  assert.equal(watched.look(0), '???');
  // 2048 bytes in two seconds are the limit, not above it; 62 500 a second are half of a megabit.
  assert.equal(watched.look(2000, { uploadBytes: 2048, downloadPackets: 20 }), 'nnn');
  assert.equal(watched.look(3000, { uploadBytes: 2048 + 62_500, downloadPackets: 31 }), 'mmn');
  assert.equal(watched.look(4000, { downloadBytes: 62_600 }), 'nnm');
});

test('without a speed nothing is said of saturation', () => {
  const watched = new Watched('if saturation >= 0% then alert');
  watched.look(0, { bitsPerSecond: null });
  assert.equal(watched.look(1000, { downloadBytes: 5 }), '?');
});

test('a total is of the time that is looked back over, and of less where less has been seen', () => {
  const watched = new Watched('if total downloaded > 100 B in last minute then alert');
  assert.equal(watched.look(0), '?');
  assert.equal(watched.look(1000, { downloadBytes: 60 }), 'n');
  assert.equal(watched.look(30_000, { downloadBytes: 101 }), 'm');
  assert.equal(watched.look(60_000, { downloadBytes: 120 }), 'm');
  // The first sixty lie a minute back now.
  assert.equal(watched.look(61_000), 'n');
  assert.equal(watched.look(91_000, { downloadBytes: 221 }), 'm');
  assert.equal(watched.look(152_000), 'n');
});

test('counters that begin anew, and an interface that comes back, count on', () => {
  const watched = new Watched(
    'if total upload >= 150 B in last hour then alert if upload > 1 GB/s then alert',
  );
  watched.look(0, { uploadBytes: 1000 });
  assert.equal(watched.look(1000, { uploadBytes: 1100 }), 'nn');
  assert.equal(watched.look(2000, { uploadBytes: 49 }), 'nn');
  assert.equal(watched.look(3000, { uploadBytes: 50 }), 'mn');
  watched.reading = null;
  watched.look(4000);
  watched.reading = { ...QUIET, uploadBytes: 5_000_000_000_000 };
  assert.equal(watched.look(5000), 'm?');
});

test('a total over an hour of looks each second is right to some seconds', () => {
  const watched = new Watched('if total upload >= 3600 B in last hour then alert');
  let last = '';
  for (let second = 0; second <= 7200; second++) last = watched.look(second * 1000, { uploadBytes: second });
  assert.equal(last, 'm');
  assert.equal(watched.look(7_204_000), 'n');
});
