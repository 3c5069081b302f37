import { Output } from '../src/base/output.ts';
import { seededRandom } from '../src/base/random.ts';
import type { Connection, Session } from '../src/base/session.ts';
import { KeyChooser } from '../src/load/key-chooser.ts';
import { KEY_BYTES, type LoadPlan } from '../src/load/load-plan.ts';
import { MAGENT_MANNER } from '../src/routing/client-manner.ts';
import { Router } from '../src/routing/router.ts';
import { ROUTING_SETTINGS_DEFAULT } from '../src/routing/settings.ts';
import { type RouteTree, treePlan } from '../src/routing/tree-plan.ts';
import { HOT_KEY_PLANS } from './load-plans.ts';
import { row } from './table.ts';

const TURNS = 2000;
const ROUNDS = 15;
const WARM_ROUNDS = 2;

const SERVER: RouteTree = { type: 'server', connections: [0] };
const COALESCED: RouteTree = { type: 'coalesce', route: SERVER, waitersMax: 1024, hotGets: 128 };
const CACHE = { ttlMs: 100, itemsMax: 1024, bytesMax: 4 * 1024 * 1024, valueBytesMax: 65_536, hotGets: 16 };
const TREES: readonly (readonly [name: string, tree: RouteTree])[] = [
  ['without', SERVER],
  ['coalesce', COALESCED],
  ['near-cache', { type: 'near-cache', route: SERVER, ...CACHE }],
  ['both', { type: 'near-cache', route: COALESCED, ...CACHE }],
];

/** A connection whose peer takes everything at once and looks at it later. */
class Line implements Connection {
  readonly output: Output;
  readonly descriptor = 3;
  readonly remote = 'tcp:127.0.0.1:1';
  session: Session | null = null;

  constructor() {
    this.output = new Output({
      makeRoom: (output, count) => {
        const grown = new Uint8Array(Math.max(65_536, (output.at + count) * 2));
        grown.set(output.bytes.subarray(0, output.at));
        output.bytes = grown;
        output.limit = grown.length;
      },
    });
  }

  flush(): void {}
  end(): void {}
  destroy(): void {}
  pause(): void {}
  resume(): void {}
}

/** One thread's routing between clients with one request each and a server that answers all of a turn's in the next; no sockets, no kernel. */
class Bench {
  readonly #router: Router;
  readonly #server = new Line();
  readonly #clients: Line[];
  readonly #plan: LoadPlan;
  readonly #chooser: KeyChooser;
  readonly #random = seededRandom(7);
  readonly #get = Buffer.from(`get ${'0'.repeat(KEY_BYTES)}\r\n`, 'latin1');
  readonly #set: Buffer;
  readonly #value: Buffer;
  readonly #replies: Uint8Array;
  #nowMs = 1000;
  readonly #due: (() => void)[] = [];

  constructor(plan: LoadPlan, tree: RouteTree) {
    this.#plan = plan;
    this.#chooser = new KeyChooser(plan, this.#random);
    const value = 'v'.repeat(plan.valueBytes);
    this.#set = Buffer.from(`set ${'0'.repeat(KEY_BYTES)} 0 0 ${value.length}\r\n${value}\r\n`, 'latin1');
    this.#value = Buffer.from(` 0 ${value.length}\r\n${value}\r\nEND\r\n`, 'latin1');
    this.#replies = new Uint8Array((plan.connections + 1) * (plan.valueBytes + 100));
    this.#router = new Router(
      {
        settings: ROUTING_SETTINGS_DEFAULT,
        servers: ['server:1'],
        manner: MAGENT_MANNER,
        plan: (destinations, context) => treePlan(destinations, tree, context),
      },
      {
        random: seededRandom(1),
        nowMs: () => this.#nowMs,
        dial: (_server, _timeoutMs, factory) => {
          this.#server.session = factory(this.#server);
          return this.#server;
        },
        schedule: (_delayMs, callback) => void this.#due.push(callback),
        log: () => {},
      },
    );
    this.#router.connect(() => {});
    this.#server.session?.opened?.();
    for (let i = 0; i < 5; i++) this.#serve();
    this.#clients = Array.from({ length: plan.connections }, () => {
      const line = new Line();
      line.session = this.#router.session(line, () => {});
      return line;
    });
  }

  /** @returns nanoseconds of processor time for a request, all that is simulated included */
  round(): number {
    const before = process.cpuUsage();
    for (let turn = 0; turn < TURNS; turn++) {
      // As many turns in a millisecond as a thread has that takes eight microseconds for a request.
      if (turn % 3 === 0) this.#nowMs++;
      for (const client of this.#clients) this.#send(client);
      this.#serve();
      for (const { output } of this.#clients) {
        if (output.at === 0) throw new Error('a request has no answer');
        output.at = 0;
      }
      for (const callback of this.#due.splice(0)) callback();
    }
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / (TURNS * this.#clients.length);
  }

  #send({ session }: Line): void {
    const isGet = this.#plan.getShare >= 1 || this.#random.below(1000) < this.#plan.getShare * 1000;
    const request = isGet ? this.#get : this.#set;
    let rest = this.#chooser.next();
    for (let at = 3 + KEY_BYTES; at >= 4; at--) {
      request[at] = 48 + (rest % 10);
      rest = Math.trunc(rest / 10);
    }
    session?.feed(request, 0, request.length);
  }

  /** Answers what has come to the server. */
  #serve(): void {
    const { output, session } = this.#server;
    const { bytes, at: end } = output;
    const replies = this.#replies;
    let length = 0;
    for (let at = 0; at < end; ) {
      if (bytes[at] === 103) {
        length = put(replies, length, VALUE, 0, VALUE.length);
        length = put(replies, length, bytes, at + 4, at + 4 + KEY_BYTES);
        replies.set(this.#value, length);
        length += this.#value.length;
        at += this.#get.length;
      } else if (bytes[at] === 115 && bytes[at + 1] === 101) {
        length = put(replies, length, STORED, 0, STORED.length);
        at += this.#set.length;
      } else {
        const answer = bytes[at] === 118 ? VERSION : END;
        length = put(replies, length, answer, 0, answer.length);
        at = bytes.indexOf(10, at) + 1;
      }
    }
    output.at = 0;
    if (length > 0) session?.feed(replies, 0, length);
  }
}

const VALUE = Buffer.from('VALUE ');
const STORED = Buffer.from('STORED\r\n');
const VERSION = Buffer.from('VERSION 1.6.0\r\n');
const END = Buffer.from('END\r\n');

function put(target: Uint8Array, at: number, source: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to; i++) target[at + i - from] = source[i]!;
  return at + to - from;
}

/**
 * Prints what a request costs in the routing code alone, with routes for hot keys and without: of many rounds in turn the least, which a busy machine
 * changes little.
 */
export function compareHotKeyRouting(plans: readonly LoadPlan[] = HOT_KEY_PLANS): void {
  process.stdout.write(row(['', 'ns/request', 'more']));
  for (const plan of plans) {
    const benches = TREES.map(([name, tree]) => ({ name, bench: new Bench(plan, tree), least: Infinity }));
    for (let round = 0; round < ROUNDS + WARM_ROUNDS; round++)
      for (const one of benches) {
        const ns = one.bench.round();
        if (round >= WARM_ROUNDS) one.least = Math.min(one.least, ns);
      }
    process.stdout.write(`${plan.name}\n`);
    const first = benches[0]?.least ?? 0;
    for (const { name, least } of benches)
      process.stdout.write(row([`  ${name}`, least.toFixed(0), (least - first).toFixed(0)]));
  }
}
