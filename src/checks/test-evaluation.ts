import type { Operator, Resource, Test, Unit } from '../control/tree.ts';
import type { Figure, Sample } from './sample.ts';

/** `unknown`: the test can say nothing this time, and nothing is counted. */
export interface Verdict {
  readonly result: 'matched' | 'not-matched' | 'unknown';
  /** What is so, for log and alerts. */
  readonly text: string;
}

const UNKNOWN: Verdict = { result: 'unknown', text: 'not known yet' };

/** Compares as the language's operators say. */
export function compares(value: number, operator: Operator, limit: number): boolean {
  switch (operator) {
    case '<':
      return value < limit;
    case '<=':
      return value <= limit;
    case '>':
      return value > limit;
    case '>=':
      return value >= limit;
    case '=':
      return value === limit;
    case '!=':
      return value !== limit;
  }
}

/**
 * Judges one test by a sample.
 *
 * @param index the rule's, under which the sample has what a probe found
 * @param before the sample before, for tests of changes; null when there is none
 * @param cores of the host, for loads per core
 */
export function evaluate(
  test: Test,
  index: number,
  sample: Sample,
  before: Sample | null,
  cores: number,
): Verdict {
  switch (test.kind) {
    case 'existence': {
      const text = sample.exists ? 'exists' : 'does not exist';
      return verdict(sample.exists === test.expected, text);
    }
    case 'resource': {
      const figure = sample.figures[test.resource];
      const value = figure === undefined ? null : valueIn(figure, test.unit);
      if (value === null) return UNKNOWN;
      if (test.resource === 'status') {
        const matched = compares(value, test.operator, test.limit);
        return verdict(
          matched,
          `status ${matched ? 'failed' : 'succeeded'} ${sample.properties['status-text'] ?? `(${value})`}`,
        );
      }
      const judged = test.isPerCore ? value / cores : value;
      const matched = compares(judged, test.operator, test.limit);
      const name = resourceName(test.resource);
      const is = quantity(judged, test.unit, test.resource);
      const limit = `[${name} ${test.operator} ${quantity(test.limit, test.unit, test.resource)}]`;
      return verdict(matched, `${name} of ${is} ${matched ? 'matches' : 'is within'} the limit ${limit}`);
    }
    case 'change': {
      const value = sample.properties[test.property];
      const old = before?.properties[test.property];
      if (value === undefined || old === undefined) return UNKNOWN;
      if (value === old) return verdict(false, `${test.property} has not changed`);
      return verdict(true, `${test.property} changed from ${old} to ${value}`);
    }
    case 'checksum':
    case 'permission': {
      const value = sample.properties[test.kind];
      if (value === undefined) return UNKNOWN;
      return verdict(value !== test.expected, `${test.kind} is ${value}, expected ${test.expected}`);
    }
    case 'owner': {
      // `name number`: an expectation may be either.
      const value = sample.properties[test.property];
      if (value === undefined) return UNKNOWN;
      return verdict(
        !value.split(' ').includes(test.expected),
        `${test.property} is ${value}, expected ${test.expected}`,
      );
    }
    case 'security':
      return UNKNOWN;
    case 'content': {
      const probe = sample.probes.get(index);
      if (probe === undefined) return UNKNOWN;
      return verdict(probe.isOk !== test.isNegated, probe.text);
    }
    case 'type': {
      const other = sample.properties['other-type'];
      if (!sample.exists) return UNKNOWN;
      return verdict(other !== undefined, other ?? 'type is right');
    }
    case 'link': {
      const state = sample.properties['link-state'];
      if (state === undefined) return UNKNOWN;
      return verdict(state === test.matchesWhen, `link ${state}`);
    }
    case 'traffic': {
      const value = sample.traffic?.get(index) ?? null;
      if (value === null) return UNKNOWN;
      const matched = compares(value, test.operator, test.limit);
      const name = `${test.withinMs === null ? '' : 'total '}${test.direction}`;
      const limit = `[${name} ${test.operator} ${trafficText(test.limit, test)}]`;
      return verdict(
        matched,
        `${name} of ${trafficText(value, test)} ${matched ? 'matches' : 'is within'} the limit ${limit}`,
      );
    }
    case 'ping':
    case 'connection': {
      const probe = sample.probes.get(index);
      if (probe === undefined) return UNKNOWN;
      if (test.responseTime !== null && probe.isOk && probe.responseMs !== null) {
        const { operator, limitMs } = test.responseTime;
        const isSlow = compares(probe.responseMs, operator, limitMs);
        return verdict(
          isSlow,
          `response time of ${probe.responseMs.toFixed(3)} ms, limit ${operator} ${limitMs} ms`,
        );
      }
      return verdict(probe.isOk === (test.matchesWhen === 'succeeded'), probe.text);
    }
  }
}

/** `1.5 MB/s`, `200 packets in the last 3600 s`. */
export function trafficText(
  value: number,
  { unit, withinMs }: Pick<Extract<Test, { kind: 'traffic' }>, 'unit' | 'withinMs'>,
): string {
  const amount = unit === 'bytes' ? byteText(value) : `${Math.round(value)} packets`;
  return withinMs === null ? `${amount}/s` : `${amount} in the last ${withinMs / 1000} s`;
}

function verdict(matched: boolean, text: string): Verdict {
  return { result: matched ? 'matched' : 'not-matched', text };
}

function valueIn(figure: Figure, unit: Unit): number | null {
  if (unit === 'percent') return figure.percent;
  return unit === 'operations-per-second' ? figure.operationsPerSecond : figure.absolute;
}

/** The name in messages: `total memory`, `loadavg(5min)`. */
export function resourceName(resource: Resource): string {
  if (resource.startsWith('load-')) return `loadavg(${resource.slice('load-'.length)}min)`;
  if (resource.endsWith('-total')) return `total ${resource.slice(0, -'-total'.length)}`;
  return resource.replace(/-/g, ' ');
}

const BYTE_STEPS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** `1.5 GB`. */
export function byteText(bytes: number): string {
  let value = bytes;
  let step = 0;
  while (Math.abs(value) >= 1024 && step < BYTE_STEPS.length - 1) {
    value /= 1024;
    step += 1;
  }
  return step === 0 ? `${Math.round(value)} B` : `${value.toFixed(1)} ${BYTE_STEPS[step]}`;
}

/** A limit or a figure with its unit: `1.5 GB`, `60.0%`. */
export function quantity(value: number, unit: Unit, resource: Resource): string {
  switch (unit) {
    case 'percent':
      return `${value.toFixed(1)}%`;
    case 'bytes':
      return byteText(value);
    case 'bytes-per-second':
      return `${byteText(value)}/s`;
    case 'operations-per-second':
      return `${value.toFixed(1)} operations/s`;
    case 'milliseconds':
      return resource === 'service-time' ? `${value.toFixed(1)} ms` : `${Math.round(value / 1000)} s`;
    case 'none':
      return Number.isInteger(value) ? String(value) : value.toFixed(2);
  }
}
