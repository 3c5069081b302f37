import { EMPTY_SAMPLE, figure, type Sample } from '../checks/sample.ts';
import type { ServiceEntry, Subject } from '../control/tree.ts';
import {
  type InterfaceCounters,
  type InterfaceReading,
  interfaceOfAddress,
  readInterface,
} from '../system/device-figures.ts';

/** Readings that are kept for tests of totals; older ones lie further apart the longer the time that is looked back over. */
const READINGS_MAX = 1440;

interface Reading {
  readonly atMs: number;
  readonly counters: InterfaceCounters;
}

const NOTHING: InterfaceCounters = {
  downloadBytes: 0,
  downloadPackets: 0,
  downloadErrors: 0,
  uploadBytes: 0,
  uploadPackets: 0,
  uploadErrors: 0,
};
const COUNTERS = [
  ...(['downloadBytes', 'downloadPackets', 'downloadErrors'] as const),
  ...(['uploadBytes', 'uploadPackets', 'uploadErrors'] as const),
];

/** The figures of one network interface, and what it has carried in the last minutes or hours. */
export class NetworkSampler {
  readonly #entry: ServiceEntry;
  readonly #read: (subject: Subject) => InterfaceReading | null;
  /** Oldest first; the counters go on where those of the kernel begin anew. */
  readonly #readings: Reading[] = [];
  /** The longest time that a rule looks back over; 0: none does. */
  readonly #withinMs: number;
  #before: InterfaceReading | null = null;
  #newest: Reading | null = null;

  constructor(entry: ServiceEntry, read: (subject: Subject) => InterfaceReading | null = readSubject) {
    this.#entry = entry;
    this.#read = read;
    this.#withinMs = Math.max(
      0,
      ...entry.rules.map(({ test }) => (test.kind === 'traffic' ? (test.withinMs ?? 0) : 0)),
    );
  }

  /** @param atMs monotonic */
  sample(atMs: number): Sample {
    const reading = this.#read(this.#entry.subject);
    if (reading === null) {
      this.#before = null;
      // It may be plugged in again: until then its link is down.
      return { ...EMPTY_SAMPLE, properties: { 'link-state': 'down' } };
    }
    const old = this.#before;
    const last = this.#newest;
    this.#before = reading;
    const now: Reading = { atMs, counters: added(last?.counters ?? NOTHING, old, reading) };
    this.#newest = now;
    const seconds = last === null ? 0 : (atMs - last.atMs) / 1000;
    const rate = (name: keyof InterfaceCounters): number | null =>
      last === null || old === null || seconds <= 0
        ? null
        : (now.counters[name] - last.counters[name]) / seconds;
    const traffic = this.#traffic(now, rate);
    this.#keep(now);
    const { bitsPerSecond, duplex } = reading;
    const most = Math.max(rate('downloadBytes') ?? 0, rate('uploadBytes') ?? 0);
    const saturation =
      bitsPerSecond === null || rate('downloadBytes') === null ? null : (most * 800) / bitsPerSecond;
    const speed = bitsPerSecond === null ? '' : `${bitsPerSecond / 1_000_000} Mb/s`;
    return {
      exists: true,
      figures: { saturation: figure(null, saturation) },
      properties: {
        'link-state': reading.isUp ? 'up' : 'down',
        link: speed === '' ? 'unknown' : `${speed}${duplex === '' ? '' : ` ${duplex}-duplex`}`,
      },
      probes: new Map(),
      traffic,
      shown: {
        'link-errors': reading.downloadErrors + reading.uploadErrors,
        ...(bitsPerSecond === null ? {} : { 'link-bits-per-second': bitsPerSecond }),
        'download-bytes': reading.downloadBytes,
        'download-bytes-per-second': rate('downloadBytes') ?? 0,
        'download-packets': reading.downloadPackets,
        'download-packets-per-second': rate('downloadPackets') ?? 0,
        'download-errors': reading.downloadErrors,
        'upload-bytes': reading.uploadBytes,
        'upload-bytes-per-second': rate('uploadBytes') ?? 0,
        'upload-packets': reading.uploadPackets,
        'upload-packets-per-second': rate('uploadPackets') ?? 0,
        'upload-errors': reading.uploadErrors,
      },
    };
  }

  #traffic(
    now: Reading,
    rate: (name: keyof InterfaceCounters) => number | null,
  ): ReadonlyMap<number, number | null> {
    const values = new Map<number, number | null>();
    for (const [index, { test }] of this.#entry.rules.entries()) {
      if (test.kind !== 'traffic') continue;
      const name = `${test.direction}${test.unit === 'bytes' ? 'Bytes' : 'Packets'}` as const;
      const { withinMs } = test;
      if (withinMs === null) values.set(index, rate(name));
      else {
        // What has been seen so far, at most of that time: a limit can be passed long before the time is over.
        const since = this.#readings.findLast(({ atMs }) => atMs <= now.atMs - withinMs) ?? this.#readings[0];
        values.set(index, since === undefined ? null : now.counters[name] - since.counters[name]);
      }
    }
    return values;
  }

  #keep(now: Reading): void {
    if (this.#withinMs === 0) return;
    const newest = this.#readings.at(-1);
    if (newest !== undefined && now.atMs - newest.atMs < this.#withinMs / READINGS_MAX) return;
    this.#readings.push(now);
    // The first must be as old as what is looked back over, so that the time is a whole one.
    while ((this.#readings[1]?.atMs ?? now.atMs) <= now.atMs - this.#withinMs) this.#readings.shift();
  }
}

/** Counters that never go back: after those of the kernel have begun anew, what they show has come on top. */
function added(
  sum: InterfaceCounters,
  before: InterfaceCounters | null,
  now: InterfaceCounters,
): InterfaceCounters {
  const result: { -readonly [Name in keyof InterfaceCounters]: number } = { ...sum };
  if (before === null) return result;
  for (const name of COUNTERS)
    result[name] += now[name] >= before[name] ? now[name] - before[name] : now[name];
  return result;
}

function readSubject(subject: Subject): InterfaceReading | null {
  const name =
    subject.kind === 'interface'
      ? subject.name
      : subject.kind === 'address'
        ? interfaceOfAddress(subject.address)
        : null;
  return name === null ? null : readInterface(name);
}
