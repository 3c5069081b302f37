import assert from 'node:assert/strict';
import { seededRandom } from '../src/base/random.ts';
import type { Connection, Session } from '../src/base/session.ts';
import { type ClientManner, MAGENT_MANNER } from '../src/routing/client-manner.ts';
import type { Destination } from '../src/routing/destination.ts';
import type { ServerLogin } from '../src/routing/destination-host.ts';
import { HotKeyFigures } from '../src/routing/hot-key-figures.ts';
import { MODULO_PLACEMENT, magentPlan, type Placement } from '../src/routing/magent-plan.ts';
import type { RouteContext, RouteHandle } from '../src/routing/route-handle.ts';
import { type MakePlan, type RoutePlan, Router, type RouterSurroundings } from '../src/routing/router.ts';
import { ROUTING_SETTINGS_DEFAULT, type RoutingSettings } from '../src/routing/settings.ts';
import { WriteGenerations } from '../src/routing/write-generations.ts';
import { Pipe, Timeline } from './routing/pipe.ts';

/** What a server has got on one connection and not yet read, and when it has said everything. */
interface Inbound {
  text: string;
  heardMs: number;
  answeredMs: number;
  /** How long it has to be before there is a whole request; 0: not known. */
  needed: number;
  readonly outbox: { readonly dueMs: number; readonly reply: string }[];
}

/** How a scripted server behaves. */
export type ServerMode =
  | 'up'
  /** Nobody listens. */
  | 'refusing'
  /** Accepts and reads, says nothing: a stopped process. */
  | 'hanging'
  /** Shows a certificate that is not believed. */
  | 'untrusted'
  /** Not even a refusal: a host that is off. */
  | 'unreachable'
  /** Speaks, but no memcached. */
  | 'gibberish';

interface ScriptedItem {
  readonly value: string;
  readonly flags: string;
  readonly cas: number;
  exptime?: string;
  /** Its reader is asked to renew it. */
  readonly isStale?: boolean;
}

/** A memcached in a hundred lines with failures on demand. */
export class ScriptedServer {
  mode: ServerMode = 'up';
  /** Answers `stats replication` as a node with a twin does. */
  replicating = false;
  /** It is a repcached: `stats` tells so, and `stats replication` is not known. */
  isRepcached = false;
  /** What it says of its copy. */
  inSync = true;
  /** What it says of its process. */
  pid = 100;
  knowsAcks = true;
  /** The `acks` lines received. */
  readonly acksAsked: string[] = [];
  /** Hangs up on every request. */
  resets = false;
  /** Hangs up on stats, as twemproxy does. */
  hatesStats = false;
  /** Milliseconds before each answer. */
  delayMs = 0;
  /** … and until it reads what has come. */
  hearMs = 0;
  /** Milliseconds between the pieces of an answer; for one request at a time. */
  pieceDelayMs = 0;
  /** Refuses longer values, as soon as their line has come, and reads over them. */
  valueBytesMax: number = Number.POSITIVE_INFINITY;
  /** How fast requests get here, what the proxy's kernel keeps of them on the way, and whether it can be asked; for connections from now on. */
  link: { readonly bytesPerMs: number; readonly kernelBytes: number; readonly tellsTheWay: boolean } | null =
    null;
  /** After so many more bytes of answers the connection breaks; -1 never. */
  bytesUntilBreak = -1;
  /** Answers with this line to all but version and stats. */
  errorLine: string | null = null;
  /** The whole answer to each meta command; null: it knows none. */
  metaReply: (() => string) | null = null;
  /** `user password` of those that it lets in; null: everybody. */
  login: string | null = null;
  /** What has been tried. */
  readonly loginsTried: string[] = [];
  readonly #known = new WeakSet<Pipe>();
  /** A line instead of `VERSION …`, and what it says to stats. */
  versionLine = 'VERSION 1.6.45';
  statsReply: string | null = null;
  readonly values: Map<string, ScriptedItem> = new Map();
  /** Answers `mg` with the flags c, f, k, O, s, t and v; else no meta command. */
  knowsMeta = false;
  /** What was asked of `stats`. */
  readonly statsAsked: string[] = [];
  /** Command lines received, without version and stats. */
  readonly seen: string[] = [];
  /** The twin that gets every change. */
  twin: ScriptedServer | null = null;
  connections = 0;
  #cas = 1;
  #pipes = new Set<Pipe>();
  readonly #timeline: Timeline;
  readonly #cut: (text: string) => string[];

  constructor(timeline: Timeline, cut: (text: string) => string[]) {
    this.#timeline = timeline;
    this.#cut = cut;
  }

  accept(timeoutMs: number, factory: (connection: Connection) => Session): Connection {
    const inbound: Inbound = { text: '', heardMs: 0, answeredMs: 0, needed: 0, outbox: [] };
    const pipe = new Pipe(
      this.#timeline,
      (text) => this.#heard(pipe, inbound, text),
      () => this.#pipes.delete(pipe),
    );
    if (this.link !== null) {
      pipe.bytesPerMs = this.link.bytesPerMs;
      pipe.kernelBytes = this.link.kernelBytes;
      if (this.link.tellsTheWay) pipe.tellTheWay();
    }
    pipe.session = factory(pipe);
    if (this.mode === 'unreachable')
      this.#timeline.at(this.#timeline.nowMs + timeoutMs, () => pipe.close(true, 'ETIMEDOUT'));
    else
      this.#timeline.at(this.#timeline.nowMs, () => {
        if (pipe.closed) return;
        if (this.mode === 'refusing') pipe.close(true, 'ECONNREFUSED');
        else if (this.mode === 'untrusted') pipe.close(true, 'EPROTO');
        else {
          this.connections++;
          this.#pipes.add(pipe);
          pipe.session?.opened?.();
        }
      });
    return pipe;
  }

  /** Connections that are open now. */
  get openConnections(): number {
    return this.#pipes.size;
  }

  /** What is under way goes at another speed from now on. */
  slowDown(bytesPerMs: number): void {
    for (const pipe of this.#pipes) pipe.bytesPerMs = bytesPerMs;
  }

  /** What the proxy's end of the connections keeps of what is on its way here. */
  get unsentBytes(): number {
    let bytes = 0;
    for (const pipe of this.#pipes) bytes += pipe.output.at - pipe.output.start + pipe.output.pendingBytes;
    return bytes;
  }

  /** Another process, which has nothing. */
  restart(): void {
    this.values.clear();
    this.pid++;
    this.mode = 'up';
  }

  /** kill -9: connections are reset, nobody listens. */
  kill(): void {
    this.mode = 'refusing';
    this.hangUp('ECONNRESET');
  }

  /** Closes all connections but goes on. */
  hangUp(code?: string): void {
    const pipes = [...this.#pipes];
    this.#pipes.clear();
    for (const pipe of pipes) pipe.close(true, code);
  }

  /** Things come in their order, also when the delay has become shorter meanwhile. */
  #heard(pipe: Pipe, inbound: Inbound, text: string): void {
    inbound.heardMs = Math.max(inbound.heardMs, this.#timeline.nowMs + this.hearMs);
    if (inbound.heardMs === this.#timeline.nowMs) this.#received(pipe, inbound, text);
    else this.#timeline.at(inbound.heardMs, () => this.#received(pipe, inbound, text));
  }

  #received(pipe: Pipe, inbound: Inbound, text: string): void {
    inbound.text += text;
    if (pipe.closed) return;
    if (this.mode === 'hanging') {
      this.#timeline.at(this.#timeline.nowMs + 5, () => this.#received(pipe, inbound, ''));
      return;
    }
    while (inbound.text.length >= inbound.needed) {
      const lineEnd = inbound.text.indexOf('\r\n');
      if (lineEnd < 0) return;
      const words = inbound.text.slice(0, lineEnd).split(' ');
      let next = lineEnd + 2;
      let value = '';
      if (/^(set|add|replace|append|prepend|cas|ms)$/.test(words[0]!)) {
        const length = Number(words[words[0] === 'ms' ? 2 : 4]);
        if (length > this.valueBytesMax) {
          if (inbound.needed === 0) this.#say(pipe, 'SERVER_ERROR object too large for cache\r\n');
          inbound.needed = next + length + 2;
          if (inbound.text.length < inbound.needed) return;
          inbound.text = inbound.text.slice(inbound.needed);
          inbound.needed = 0;
          continue;
        }
        inbound.needed = next + length + 2;
        if (inbound.text.length < inbound.needed) return;
        inbound.needed = 0;
        value = inbound.text.slice(next, next + length);
        next += length + 2;
      }
      inbound.text = inbound.text.slice(next);
      const reply = this.#answer(pipe, words, value);
      if (reply === null) continue;
      // One after the other, also when the delay has become shorter meanwhile.
      inbound.answeredMs = Math.max(inbound.answeredMs, this.#timeline.nowMs + this.delayMs);
      inbound.outbox.push({ dueMs: inbound.answeredMs, reply });
      this.#timeline.at(inbound.answeredMs, () => this.#drain(pipe, inbound));
    }
  }

  /** Says what is due. A stopped process says it when it goes on. */
  #drain(pipe: Pipe, inbound: Inbound): void {
    if (pipe.closed) return;
    if (this.mode === 'hanging') {
      this.#timeline.at(this.#timeline.nowMs + 5, () => this.#drain(pipe, inbound));
      return;
    }
    for (
      let next = inbound.outbox[0];
      next !== undefined && next.dueMs <= this.#timeline.nowMs;
      next = inbound.outbox[0]
    ) {
      inbound.outbox.shift();
      this.#say(pipe, next.reply);
    }
  }

  #say(pipe: Pipe, reply: string): void {
    let text = reply;
    const breaks = this.bytesUntilBreak >= 0 && text.length > this.bytesUntilBreak;
    if (breaks) text = text.slice(0, this.bytesUntilBreak);
    if (this.bytesUntilBreak >= 0) this.bytesUntilBreak -= text.length;
    for (const [index, piece] of this.#cut(text).entries()) {
      if (this.pieceDelayMs === 0) pipe.deliver(piece);
      else this.#timeline.at(this.#timeline.nowMs + index * this.pieceDelayMs, () => pipe.deliver(piece));
    }
    if (!breaks) return;
    this.bytesUntilBreak = -1;
    this.kill();
  }

  #answer(pipe: Pipe, words: string[], value: string): string | null {
    const [verb, key] = words;
    if (this.mode === 'gibberish') return 'HTTP/1.1 400 Bad Request\r\n\r\n';
    if (this.login !== null && !this.#known.has(pipe)) {
      if (verb !== 'set') return 'CLIENT_ERROR unauthenticated\r\n';
      this.loginsTried.push(value);
      if (value !== this.login) return 'CLIENT_ERROR authentication failure\r\n';
      this.#known.add(pipe);
      return 'STORED\r\n';
    }
    if (verb === 'version') return `${this.versionLine}\r\n`;
    if (verb === 'stats') {
      this.statsAsked.push(words.slice(1).join(' '));
      if (this.hatesStats) {
        this.#pipes.delete(pipe);
        pipe.close(true);
        return null;
      }
      if (this.statsReply !== null) return this.statsReply;
      const inSync = `STAT replication_in_sync ${this.inSync ? 1 : 0}\r\n`;
      if (this.isRepcached && words.length > 1) return 'ERROR\r\n';
      const repcached = this.isRepcached ? 'STAT replication MASTER\r\nSTAT repcached_version 2.3.1\r\n' : '';
      if (words.length === 1)
        return `${repcached}STAT pid ${this.pid}\r\nSTAT uptime 5\r\nSTAT time ${Math.floor(this.#timeline.nowMs / 1000)}\r\nEND\r\n`;
      return this.replicating ? `STAT replication_state linked\r\n${inSync}END\r\n` : 'END\r\n';
    }
    if (verb === 'acks') {
      this.acksAsked.push(words.join(' '));
      return this.knowsAcks ? 'OK\r\n' : 'ERROR\r\n';
    }
    this.seen.push(words.join(' '));
    if (this.resets) {
      this.hangUp('ECONNRESET');
      return null;
    }
    if (this.metaReply !== null && /^m[gsdae]$/.test(verb ?? '')) return this.metaReply();
    if (this.errorLine !== null) return `${this.errorLine}\r\n`;
    if (verb === 'get' || verb === 'gets') return this.#get(words.slice(1), verb === 'gets');
    if (verb === 'gat' || verb === 'gats') return this.#get(words.slice(2), verb === 'gats');
    if (verb === 'mg' && this.knowsMeta) {
      const item = this.values.get(key!);
      return item === undefined ? 'EN\r\n' : metaGot(key!, item, words.slice(2));
    }
    return `${this.#change(words, key!, value)}\r\n`;
  }

  #get(keys: string[], withCas: boolean): string {
    let reply = '';
    for (const key of keys) {
      const item = this.values.get(key);
      if (item === undefined) continue;
      const cas = withCas ? ` ${item.cas}` : '';
      reply += `VALUE ${key} ${item.flags} ${item.value.length}${cas}\r\n${item.value}\r\n`;
    }
    return `${reply}END\r\n`;
  }

  #change(words: string[], key: string, value: string): string {
    const verb = words[0];
    const item = this.values.get(key);
    const put = (text: string, flags: string): void => {
      const exptime = /^(set|add|cas)$/.test(verb ?? '') ? words[3]! : (item?.exptime ?? '0');
      this.values.set(key, { value: text, flags, cas: this.#cas++, exptime });
      this.twin?.values.set(key, { value: text, flags, cas: this.#cas });
    };
    switch (verb) {
      case 'flush_all':
        for (const server of [this, this.twin]) server?.values.clear();
        return 'OK';
      case 'set':
        put(value, words[2]!);
        return 'STORED';
      case 'add':
        if (item !== undefined) return 'NOT_STORED';
        put(value, words[2]!);
        return 'STORED';
      case 'cas':
        if (item?.cas !== Number(words[5])) return item === undefined ? 'NOT_FOUND' : 'EXISTS';
        put(value, words[2]!);
        if (words[3] === '-1') this.values.delete(key);
        return 'STORED';
      case 'append':
        if (item === undefined) return 'NOT_STORED';
        put(item.value + value, item.flags);
        return 'STORED';
      case 'delete':
        this.twin?.values.delete(key);
        return this.values.delete(key) ? 'DELETED' : 'NOT_FOUND';
      case 'touch':
        return item === undefined ? 'NOT_FOUND' : 'TOUCHED';
      case 'incr':
        if (item === undefined) return 'NOT_FOUND';
        put(String(Number(item.value) + Number(words[2])), item.flags);
        return this.values.get(key)!.value;
      default:
        return 'ERROR';
    }
  }
}

/** The answer to an `mg` that finds its item. */
function metaGot(key: string, item: ScriptedItem, flags: readonly string[]): string {
  const told = flags.flatMap((flag) => {
    if (flag === 't') return [`t${(item.exptime ?? '0') === '0' ? -1 : item.exptime}`];
    if (flag === 'f') return [`f${item.flags}`];
    if (flag === 'c') return [`c${item.cas}`];
    if (flag === 's') return [`s${item.value.length}`];
    if (flag === 'k') return [`k${key}`];
    return flag.startsWith('O') ? [flag] : [];
  });
  const isStale = item.isStale === true ? ['W', 'X'] : [];
  if (!flags.includes('v')) return `${['HD', ...told, ...isStale].join(' ')}\r\n`;
  return `${['VA', item.value.length, ...told, ...isStale].join(' ')}\r\n${item.value}\r\n`;
}

/** A client of the simulated proxy: sends text, collects text. */
export class WorldClient {
  received = '';
  gone = false;
  /** The name of the error that its session has ended with. */
  fault: string | null = null;
  readonly pipe: Pipe;

  constructor(timeline: Timeline, router: Router) {
    this.pipe = new Pipe(
      timeline,
      (text) => {
        this.received += text;
      },
      () => {
        this.gone = true;
      },
    );
    this.pipe.session = router.session(this.pipe, (error) => {
      this.gone = true;
      this.fault = error?.code ?? null;
    });
  }

  send(text: string): void {
    this.pipe.deliver(text);
  }

  /** What has come since the last call. */
  take(): string {
    const text = this.received;
    this.received = '';
    return text;
  }
}

export interface WorldOptions {
  readonly mains: number;
  readonly backups: number;
  readonly settings?: Partial<RoutingSettings>;
  readonly placement?: Placement;
  /** Names of the servers; `server0`, `server1`, … when not given. */
  readonly names?: readonly string[];
  /** A route tree other than magent's. */
  readonly root?: (destinations: readonly Destination[], context: RouteContext) => RouteHandle;
  /** A whole plan; instead of `root`. */
  readonly plan?: MakePlan;
  readonly manner?: ClientManner;
  readonly seed?: number;
  /** Cuts what servers say into pieces. */
  readonly cut?: (text: string) => string[];
  /** Threads of the proxy, each with routes and connections of its own; 1 unless given. */
  readonly threads?: number;
  /** What other threads say to `stats`. */
  readonly gatherStatistics?: NonNullable<RouterSurroundings['gatherStatistics']>;
}

/** When the virtual clock says 0, by the wall clock. */
export const WALL_START_MS = 1_800_000_000_000;

function plainPlan(root: RouteHandle): RoutePlan {
  return { root, answerMsMax: () => root.answerMsMax(), statistics: () => 'END\r\n' };
}

/**
 * A proxy's routing between simulated clients and simulated servers, on a virtual clock.
 */
export class RouteWorld {
  readonly timeline: Timeline = new Timeline();
  readonly servers: ScriptedServer[];
  /** Of the first thread, and of all. */
  readonly router: Router;
  readonly routers: readonly Router[];
  readonly generations: WriteGenerations = new WriteGenerations(WriteGenerations.allocate());
  readonly log: string[] = [];
  readonly warnings: string[] = [];
  /** As whom the proxy logs in, where it is asked to. */
  login: ServerLogin | null = null;
  /** When each dial was made, by server. */
  readonly dials: { server: number; atMs: number }[] = [];

  constructor(options: WorldOptions) {
    const count = options.mains + options.backups;
    const cut = options.cut ?? ((text) => [text]);
    this.servers = Array.from({ length: count }, () => new ScriptedServer(this.timeline, cut));
    const hotKeyFigures = HotKeyFigures.allocate();
    const thread = (_: unknown, index: number): Router =>
      this.#thread(options, new HotKeyFigures(hotKeyFigures, index));
    this.routers = Array.from({ length: options.threads ?? 1 }, thread);
    this.router = this.routers[0]!;
  }

  #thread(options: WorldOptions, hotKeyFigures: HotKeyFigures): Router {
    const router: Router = new Router(
      {
        settings: { ...ROUTING_SETTINGS_DEFAULT, ...options.settings },
        servers: options.names ?? this.servers.map((_, index) => `server${index}`),
        manner: options.manner ?? MAGENT_MANNER,
        plan:
          options.plan ??
          ((destinations, context) =>
            options.root === undefined
              ? magentPlan(destinations, options.mains, options.placement ?? MODULO_PLACEMENT, context)
              : plainPlan(options.root(destinations, context))),
      },
      {
        random: seededRandom(options.seed ?? 1),
        generations: this.generations,
        hotKeyFigures,
        nowMs: () => this.timeline.nowMs,
        wallMs: () => WALL_START_MS + this.timeline.nowMs,
        dial: (server, timeoutMs, factory) => {
          // After a change of the configuration a number means another server.
          const named = options.names === undefined ? (router.destinations[server]?.name ?? '') : '';
          const index = Number(/^server(\d+)$/.exec(named)?.[1] ?? server);
          this.dials.push({ server: index, atMs: this.timeline.nowMs });
          return this.servers[index]!.accept(timeoutMs, factory);
        },
        login: () => this.login,
        schedule: (delayMs, callback) => this.timeline.at(this.timeline.nowMs + delayMs, callback),
        log: (line) => this.log.push(line),
        warn: (line) => this.warnings.push(line),
        ...(options.gatherStatistics === undefined ? {} : { gatherStatistics: options.gatherStatistics }),
      },
    );
    return router;
  }

  client(thread = 0): WorldClient {
    return new WorldClient(this.timeline, this.routers[thread]!);
  }

  /** Lets everything happen that is due within so many milliseconds. */
  run(ms = 0): void {
    this.timeline.runUntil(this.timeline.nowMs + ms);
  }

  /** Connects to all servers. */
  start(): this {
    for (const router of this.routers) router.connect(() => {});
    this.run();
    return this;
  }

  /** Lets all timeouts pass; then no call, no request and no charged buffer may be left. */
  nothingLeft(): void {
    this.run(10_000);
    for (const { calls, requests } of this.routers) {
      assert.equal(calls.live, 0, 'calls left');
      assert.equal(requests.live, 0, 'requests left');
      assert.equal(requests.budget.used, 0, 'buffer bytes left');
    }
  }

  /** Sends text and gives what comes back within some time. */
  ask(client: WorldClient, text: string, ms = 0): string {
    client.send(text);
    this.run(ms);
    return client.take();
  }
}
