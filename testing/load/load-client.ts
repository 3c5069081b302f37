import { assert } from '../../src/base/assert.ts';
import type { Random } from '../../src/base/random.ts';
import { DIALECTS, LoadConnection } from './load-connection.ts';
import { emptyTally, type Tally, tally } from './load-tally.ts';
import { filler, flagsOf, makeValue, stampOf, VALUE_BYTES_MAX } from './load-values.ts';
import type { Dialect, FoundValue, Operation, Reply } from './operations.ts';

const OWN_KEYS = 60;
const SHARED_KEYS = 2500;
const HOT_KEYS = 20;
const COUNTERS = 5;
const EXCHANGED = 4;
const LISTS = 4;
const LIST_BYTES_MAX = 12_000;
/** Counts of one counter between two of its creations; more than a run makes. */
export const EPOCH_COUNTS = 1_000_000;
const EPOCHS_OF_A_CLIENT = 100_000;

/** What a client's own key holds, as far as it can know: the server may drop it at any time, and then it must stay away. */
interface OwnValue {
  readonly sequence: number;
  readonly bytes: number;
  /** From then on it must be gone; of a clock of this process, ms. */
  readonly goneAtMs: number;
}

function listRecords(key: string, value: Buffer): readonly { writer: number; sequence: number }[] {
  const text = value.toString('latin1');
  // The creation's number stands first or last, as records are appended or prepended.
  const records = text.replace(/[{}]\d+[{}]/, '');
  assert(/^(<\d+\.\d+>)*$/.test(records), `${key} holds ${JSON.stringify(text.slice(0, 200))}`);
  return [...records.matchAll(/<(\d+)\.(\d+)>/g)].map(([, writer, sequence]) => ({
    writer: Number(writer),
    sequence: Number(sequence),
  }));
}

/**
 * A client of the load: one connection after another, one protocol, random requests, each reply held against all that the client knows.
 * Several clients write the same keys: of each writer the values of a key may only grow newer, counters and exchanged values
 * give each number once, and lists hold every confirmed piece of a writer, in order.
 */
export class LoadClient {
  readonly counts: Tally = emptyTally();
  /** Each reply of a counter, of all its creations: the creation's number times EPOCH_COUNTS, plus or minus the count. */
  readonly counted: { incr: number[]; decr: number[] } = { incr: [], decr: [] };
  /** Likewise the numbers that this client exchanged. */
  readonly exchanged: number[] = [];
  requests = 0;
  connections = 1;
  readonly #port: number;
  readonly #writer: number;
  readonly #random: Random;
  #connection: LoadConnection;
  #sequence = 0;
  #epoch = 0;
  readonly #own = new Map<string, OwnValue>();
  /** By key and writer the newest write that this client has seen. */
  readonly #seen = new Map<string, number>();
  /** Pieces of each list that are confirmed. */
  readonly #pieces = new Map<string, number>();

  private constructor(port: number, writer: number, random: Random, connection: LoadConnection) {
    this.#port = port;
    this.#writer = writer;
    this.#random = random;
    this.#connection = connection;
  }

  static async start(
    port: number,
    writer: number,
    random: Random,
    dialect: Dialect['name'],
  ): Promise<LoadClient> {
    return new LoadClient(port, writer, random, await LoadConnection.open(port, DIALECTS[dialect]));
  }

  /** Some requests. Rejects when something is not as it must be. */
  async step(): Promise<void> {
    const dice = this.#random.below(1000);
    if (dice < 330) await this.#readShared();
    else if (dice < 560) await this.#writeShared();
    else if (dice < 760) await this.#useOwn();
    else if (dice < 850) await this.#count();
    else if (dice < 920) await this.#exchange();
    else if (dice < 996) await this.#extendList();
    else await this.#reconnect();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #ask(...operations: readonly Operation[]): Promise<readonly Reply[]> {
    const replies = await this.#connection.ask(...operations);
    operations.forEach((operation, i) => {
      tally(this.counts, this.#connection.dialect, operation, replies[i]!);
    });
    this.requests += operations.length;
    return replies;
  }

  async #one(operation: Operation): Promise<Reply> {
    const [reply] = await this.#ask(operation);
    return reply!;
  }

  #bytes(): number {
    const { below } = this.#random;
    const dice = below(100);
    if (dice < 65) return 10 + below(600);
    if (dice < 95) return 600 + below(20_000);
    return 20_000 + below(VALUE_BYTES_MAX - 20_000);
  }

  #sharedKey(): string {
    return `s:${this.#random.below(this.#random.below(2) === 0 ? HOT_KEYS : SHARED_KEYS)}`;
  }

  #checkShared({ key, value, flags }: FoundValue): void {
    const { writer, sequence } = stampOf(key, value);
    assert(flags === flagsOf(sequence), `${key}: flags ${flags} of another value`);
    const name = `${key} ${writer}`;
    const before = this.#seen.get(name) ?? 0;
    assert(sequence >= before, `${key}: write ${sequence} of client ${writer} came back after ${before}`);
    this.#seen.set(name, sequence);
  }

  async #readShared(): Promise<void> {
    const { below } = this.#random;
    const operations = Array.from({ length: 1 + below(8) }, (): Operation => {
      const keys =
        below(3) > 0 ? [this.#sharedKey()] : Array.from({ length: 2 + below(20) }, () => this.#sharedKey());
      return { kind: 'get', keys };
    });
    const replies = await this.#ask(...operations);
    for (const [i, reply] of replies.entries()) {
      const operation = operations[i]!;
      if (operation.kind !== 'get') continue;
      // In the order of the request, each as often as it was asked for.
      let at = 0;
      for (const value of reply.values) {
        while (at < operation.keys.length && operation.keys[at] !== value.key) at++;
        assert(at++ < operation.keys.length, `${value.key} came back and was not asked for`);
        this.#checkShared(value);
      }
    }
  }

  async #writeShared(): Promise<void> {
    const { below } = this.#random;
    if (below(12) === 0) {
      await this.#one({ kind: 'delete', key: this.#sharedKey() });
      return;
    }
    const operations = Array.from({ length: 1 + below(4) }, (): Operation => {
      const key = this.#sharedKey();
      const sequence = ++this.#sequence;
      const value = makeValue(key, { writer: this.#writer, sequence }, this.#bytes());
      const exptime = below(5) === 0 ? 1 + below(3) : 0;
      return { kind: below(10) === 0 ? 'replace' : 'set', key, value, flags: flagsOf(sequence), exptime };
    });
    await this.#ask(...operations);
  }

  #goneAtMs(exptime: number): number {
    // The server counts whole seconds; it has dealt with the request by now.
    return exptime === 0 ? Number.POSITIVE_INFINITY : performance.now() + (exptime + 1) * 1000;
  }

  #checkOwn(key: string, expected: OwnValue | undefined, value: FoundValue, askedAtMs: number): void {
    assert(expected !== undefined, `${key} is there although it was deleted or gone before`);
    const { writer, sequence } = stampOf(key, value.value);
    assert(
      writer === this.#writer && sequence === expected.sequence,
      `${key}: ${sequence} is not the last write`,
    );
    assert(value.flags === flagsOf(sequence), `${key}: flags ${value.flags}`);
    assert(askedAtMs < expected.goneAtMs, `${key} is there after its time`);
  }

  async #useOwn(): Promise<void> {
    const { below } = this.#random;
    const key = `own${this.#writer}:${below(OWN_KEYS)}`;
    const expected = this.#own.get(key);
    const askedAtMs = performance.now();
    const exptime = below(3) === 0 ? 1 + below(4) : 0;
    const dice = below(100);
    if (dice < 30) {
      const { outcome, values } = await this.#one({ kind: 'get', keys: [key] });
      if (outcome === 'done') this.#checkOwn(key, expected, values[0]!, askedAtMs);
      else this.#own.delete(key);
    } else if (dice < 70) {
      const sequence = ++this.#sequence;
      const bytes = this.#bytes();
      const value = makeValue(key, { writer: this.#writer, sequence }, bytes);
      const kind = dice < 55 ? 'set' : dice < 63 ? 'add' : 'replace';
      const { outcome } = await this.#one({ kind, key, value, flags: flagsOf(sequence), exptime });
      const isThere = expected !== undefined && askedAtMs < expected.goneAtMs;
      if (outcome === 'done') {
        assert(kind !== 'replace' || isThere, `${key} was replaced and was not there`);
        this.#own.set(key, { sequence, bytes, goneAtMs: this.#goneAtMs(exptime) });
      } else if (outcome === 'noMemory') {
        if (kind === 'set') this.#own.delete(key);
      } else if (kind === 'add') assert(isThere, `${key} was not added and was not there`);
      else {
        assert(kind === 'replace', 'a set is done');
        this.#own.delete(key);
      }
    } else if (dice < 90) {
      const isGat = dice < 80;
      const reply = await this.#one(isGat ? { kind: 'gat', key, exptime } : { kind: 'touch', key, exptime });
      if (reply.outcome === 'done') {
        if (isGat) this.#checkOwn(key, expected, reply.values[0]!, askedAtMs);
        assert(expected !== undefined, `${key} was touched and was not there`);
        this.#own.set(key, { ...expected, goneAtMs: this.#goneAtMs(exptime) });
      } else this.#own.delete(key);
    } else {
      const { outcome } = await this.#one({ kind: 'delete', key });
      assert(outcome === 'notFound' || expected !== undefined, `${key} was deleted and was not there`);
      this.#own.delete(key);
    }
  }

  #newEpoch(): number {
    const epoch = this.#writer * EPOCHS_OF_A_CLIENT + ++this.#epoch;
    assert(this.#epoch < EPOCHS_OF_A_CLIENT, 'numbers are left');
    return epoch;
  }

  async #count(): Promise<void> {
    const { below } = this.#random;
    const kind = below(3) === 0 ? 'decr' : 'incr';
    const keys = Array.from({ length: 1 + below(60) }, () => `${kind}:${below(COUNTERS)}`);
    const replies = await this.#ask(...keys.map((key): Operation => ({ kind, key })));
    for (const [i, { outcome, number }] of replies.entries()) {
      if (outcome === 'done') {
        this.counted[kind].push(number);
        continue;
      }
      assert(outcome === 'notFound', `a counter says ${outcome}`);
      const start = this.#newEpoch() * EPOCH_COUNTS + (kind === 'incr' ? 0 : EPOCH_COUNTS - 1);
      await this.#one({ kind: 'add', key: keys[i]!, value: Buffer.from(`${start}`) });
    }
  }

  async #exchange(): Promise<void> {
    const key = `x:${this.#random.below(EXCHANGED)}`;
    const [found] = (await this.#one({ kind: 'gets', key })).values;
    const valueWith = (number: number): Buffer => {
      const head = Buffer.from(`${number} `);
      return Buffer.concat([head, filler(20 + (number % 40) * 100)]);
    };
    if (found === undefined) {
      await this.#one({ kind: 'add', key, value: valueWith(this.#newEpoch() * EPOCH_COUNTS) });
      return;
    }
    const before = Number(found.value.toString('latin1', 0, found.value.indexOf(' ')));
    assert(found.value.equals(valueWith(before)), `${key}: the value of ${before} is not whole`);
    assert(found.cas > 0n, `${key} has a cas id`);
    const { outcome } = await this.#one({ kind: 'cas', key, value: valueWith(before + 1), cas: found.cas });
    if (outcome === 'done') this.exchanged.push(before + 1);
  }

  async #extendList(): Promise<void> {
    const kind = this.#random.below(2) === 0 ? 'append' : 'prepend';
    const key = `${kind}:${this.#random.below(LISTS)}`;
    const sequence = (this.#pieces.get(key) ?? 0) + 1;
    const piece = { kind, key, value: Buffer.from(`<${this.#writer}.${sequence}>`) } as const;
    const [extended, read] = await this.#ask(piece, { kind: 'get', keys: [key] });
    if (extended!.outcome === 'done') this.#pieces.set(key, sequence);
    else if (extended!.outcome === 'notStored') {
      const value = Buffer.from(kind === 'append' ? `{${this.#newEpoch()}}` : `}${this.#newEpoch()}{`);
      await this.#one({ kind: 'add', key, value });
    }
    const [found] = read!.values;
    if (found === undefined) return;
    this.#checkList(kind, key, found.value);
    if (found.value.length > LIST_BYTES_MAX) await this.#one({ kind: 'delete', key });
  }

  #checkList(kind: 'append' | 'prepend', key: string, value: Buffer): void {
    const inOrder = [...listRecords(key, value)];
    if (kind === 'prepend') inOrder.reverse();
    const last = new Map<number, number>();
    for (const { writer, sequence } of inOrder) {
      const before = last.get(writer) ?? sequence - 1;
      assert(
        sequence === before + 1,
        `${key}: piece ${sequence} of client ${writer} stands behind its ${before}`,
      );
      last.set(writer, sequence);
    }
    const own = last.get(this.#writer);
    assert(own === undefined || own === this.#pieces.get(key), `${key} ends with this client's piece ${own}`);
  }

  async #reconnect(): Promise<void> {
    const { dialect } = this.#connection;
    await this.#connection.close();
    this.#connection = await LoadConnection.open(this.#port, dialect);
    this.connections++;
  }
}
