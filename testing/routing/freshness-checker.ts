import assert from 'node:assert/strict';
import type { WorldClient } from '../route-world.ts';

/** A change that some client has asked for. Steps are moments; between two of them nothing is seen. */
export interface Write {
  /** Stands at the end of what it writes. */
  readonly serial: number;
  /** Null: all of them. */
  readonly key: string | null;
  readonly kind: 'set' | 'delete' | 'unheard';
  readonly begun: number;
  /** When its answer was there; infinite: it has none, or one that leaves open what has been done. */
  ended: number;
  /** It has changed something, as its answer says. */
  hasDone: boolean;
  /** It was answered with an error. */
  hasFailed: boolean;
}

/** What all clients of a life have done, and when servers have forgotten everything. */
export interface History {
  readonly writes: Write[];
  readonly losses: number[];
  step: number;
  /** A delete that failed may have taken away what had overwritten a value, and not the value; not given: it may not. */
  readonly failedDeletesUncover?: true;
}

type Asked =
  | {
      readonly kind: 'read';
      readonly keys: readonly string[];
      readonly begun: number;
      readonly isMeta: boolean;
    }
  | { readonly kind: 'write'; readonly write: Write };

/**
 * A client that knows what it has asked, and checks that what it reads is not older than the writes, of whichever client, that had been
 * answered before it asked: the write that the value shows had not ended before such a write began.
 */
export class FreshnessChecker {
  readonly client: WorldClient;
  reads = 0;
  readonly #history: History;
  readonly #asked: Asked[] = [];
  #text = '';

  constructor(client: WorldClient, history: History) {
    this.client = client;
    this.#history = history;
  }

  read(keys: readonly string[], text: string): void {
    this.#history.step++;
    this.#asked.push({ kind: 'read', keys, begun: this.#history.step, isMeta: text.startsWith('mg') });
    this.client.send(text);
  }

  write(serial: number, key: string | null, kind: Write['kind'], text: string): void {
    const { writes } = this.#history;
    this.#history.step++;
    const begun = this.#history.step;
    const write: Write = {
      serial,
      key,
      kind,
      begun,
      ended: Number.POSITIVE_INFINITY,
      hasDone: false,
      hasFailed: false,
    };
    writes.push(write);
    if (kind !== 'unheard') this.#asked.push({ kind: 'write', write });
    this.client.send(text);
  }

  assertDone(): void {
    assert.deepEqual(this.#asked, [], 'requests without an answer');
  }

  /** Takes complete answers off. */
  check(): void {
    this.#text += this.client.take();
    for (let asked = this.#asked[0]; asked !== undefined; asked = this.#asked[0]) {
      const length = asked.kind === 'write' ? this.#written(asked.write) : this.#got(asked);
      if (length < 0) return;
      this.#text = this.#text.slice(length);
      this.#asked.shift();
    }
  }

  #written(write: Write): number {
    const end = this.#text.indexOf('\r\n');
    if (end < 0) return -1;
    const line = this.#text.slice(0, end);
    write.hasFailed = line.startsWith('SERVER_ERROR');
    if (!write.hasFailed) {
      assert.match(line, /^(STORED|NOT_STORED|DELETED|NOT_FOUND|OK)$/);
      write.ended = this.#history.step;
      write.hasDone = /^(STORED|DELETED|OK)$/.test(line);
    }
    return end + 2;
  }

  #got({ keys, begun, isMeta }: Extract<Asked, { kind: 'read' }>): number {
    const pattern = isMeta
      ? /^(?:EN\r\n|SERVER_ERROR .*\r\n|VA (\d+) f0\r\n(\S+)\r\n)/
      : /^((?:VALUE \S+ \d+ \d+(?: \d+)?\r\n\S+\r\n)*)(?:END|SERVER_ERROR .*)\r\n/;
    const answer = pattern.exec(this.#text);
    if (answer === null) return -1;
    this.reads++;
    const values = isMeta
      ? answer[2] === undefined
        ? []
        : [[keys[0]!, answer[2]] as const]
      : [...(answer[1] ?? '').matchAll(/VALUE (\S+) .*\r\n(\S+)\r\n/g)].map(
          ([, key = '', value = '']) => [key, value] as const,
        );
    for (const [key, value] of values) this.#isFresh(key, value, begun);
    if (!answer[0].includes('SERVER_ERROR'))
      for (const key of keys) if (!values.some(([found]) => found === key)) this.#isMissing(key, begun);
    return answer[0].length;
  }

  #isFresh(key: string, value: string, begun: number): void {
    const { writes } = this.#history;
    const serial = Number(/(\d+)\.$/.exec(value)?.[1]);
    const shown = writes.find((write) => write.serial === serial);
    assert.equal(shown?.key, key, `a value of ${key}`);
    const newer = writes.find(
      (write) =>
        write.hasDone &&
        (write.key === key || write.key === null) &&
        write.begun > shown.ended &&
        write.ended < begun &&
        !this.#isUncovered(write),
    );
    assert.equal(newer, undefined, `${key} was read as ${value}, which had been overwritten before`);
  }

  #isUncovered({ key, begun, kind }: Write): boolean {
    const { writes, failedDeletesUncover } = this.#history;
    if (failedDeletesUncover === undefined || kind === 'delete') return false;
    return writes.some(
      (write) => write.kind === 'delete' && write.key === key && write.hasFailed && write.ended > begun,
    );
  }

  /** Nothing was found: so nothing may have been written since it was deleted, or lost. */
  #isMissing(key: string, begun: number): void {
    const { writes, losses } = this.#history;
    const own = writes.filter((write) => write.key === key || write.key === null);
    const lastDone = own.findLast((write) => write.kind === 'set' && write.hasDone && write.ended < begun);
    if (lastDone === undefined || losses.some((step) => step >= lastDone.begun)) return;
    const gone = own.some(({ kind, ended }) => kind === 'delete' && ended >= lastDone.begun);
    assert.ok(gone, `${key} was missed, which had been written before`);
  }
}
