import type { Random } from '../base/random.ts';
import type { Connection, ConnectionError, Session } from '../base/session.ts';
import { adminAnswer } from './admin-keys.ts';
import { CallPool } from './call.ts';
import type { ClientHost } from './client-host.ts';
import type { ClientManner } from './client-manner.ts';
import { AGENT_WITHOUT_OTHERS, ClientSession } from './client-session.ts';
import { DESTINATION, Destination } from './destination.ts';
import type { DestinationHost, ServerLogin } from './destination-host.ts';
import type { EjectingDistribution, EjectionHost } from './ejecting-distribution.ts';
import { everywhereRoute } from './everywhere.ts';
import { HealthGroup } from './health-group.ts';
import { HotKeyFigures } from './hot-key-figures.ts';
import { hasHotKeys } from './hot-key-route.ts';
import { findLastPlaces } from './last-places.ts';
import { LeavingServers } from './leaving-servers.ts';
import { mergedStatistics, type OtherStatistics } from './merged-statistics.ts';
import { statText } from './pool-figure-lines.ts';
import type { ReplyBlockSource } from './reply-memory.ts';
import { RequestPool } from './request-pool.ts';
import { continueMoves } from './reshard.ts';
import { ReturnWait } from './return-wait.ts';
import { RootRoute, type RouteContext, type RouteHandle } from './route-handle.ts';
import { ServerRecords } from './server-records.ts';
import type { RoutingSettings } from './settings.ts';
import { Uploads } from './uploads.ts';
import { WriteGenerations } from './write-generations.ts';

/** How often deadlines are looked at while something is under way: the precision of all timeouts. */
export const TICK_MS = 20;

/** A tick that comes so late finds answers unread that came in time: it looks at deadlines only in the next round of the loop. */
const LATE_TICK_MS = 100;

/** What a deadline may be late by. */
const DEADLINE_SLACK_MS = 200;

/** What a router is given of the world outside. */
export interface RouterSurroundings {
  readonly random: Random;
  /** What all threads know of writes, and have counted of hot keys; not given: this thread is alone. */
  readonly generations?: WriteGenerations;
  readonly hotKeyFigures?: HotKeyFigures;
  nowMs(): number;
  /** Milliseconds since 1970. Not given: no handle goes by the clock. */
  wallMs?(): number;
  dial(server: number, timeoutMs: number, factory: (connection: Connection) => Session): Connection;
  /** As in DestinationHost; not given: nobody logs in anywhere. */
  login?(server: number): ServerLogin | null;
  schedule(delayMs: number, callback: () => void): void;
  log(line: string): void;
  /** What does not mend itself, also where `log` goes nowhere; not given: as `log`. */
  warn?(line: string): void;
  /** For answers that wait. Not given: a router's own. */
  readonly replyBlocks?: ReplyBlockSource | undefined;
  /**
   * Asks the routers of the other threads what they say to `stats`. Not given: there are none.
   *
   * @param done is called once, soon, with what has been said in time; null: too many ask
   */
  gatherStatistics?(subject: string, done: (others: OtherStatistics | null) => void): void;
}

/** The word of `stats` that asks for what the thread that answers has counted alone. */
const OWN_THREAD = 'thread';

/** In the place of statistics. */
const TOO_MANY_ASK = 'SERVER_ERROR TOO MANY CLIENTS ASK FOR STATISTICS\r\n';

/** A route tree over the destinations of a router, and what `stats` says about it. */
export interface RoutePlan {
  readonly root: RouteHandle;
  /** Longest time from a request to its answer, in milliseconds. */
  answerMsMax(): number;
  /**
   * What this thread says to `stats`.
   *
   * @param isForMerging with all that is needed to put it together with what other threads say; see mergedStatistics
   */
  statistics(subject: string, isForMerging?: boolean): string;
  /** What takes servers out; null or not given: nothing does. */
  readonly ejecting?: EjectingDistribution | null;
}

/** The tree over destinations. */
export type MakePlan = (
  destinations: readonly Destination[],
  context: RouteContext & EjectionHost,
) => RoutePlan;

/** What a router routes by, at first and after a change. */
export interface Routing {
  readonly settings: RoutingSettings;
  /** The addresses as typed; `dial` gets their positions. One that stands here twice has two connections. */
  readonly servers: readonly string[];
  /** Of servers, by position, that have other times and bounds than `settings`; those with one record are a pool. Not given: all are one. */
  readonly serverSettings?: readonly RoutingSettings[];
  /** By position, what connections are made with besides the address (certificates): where that changes, a server that stays gets a new connection. Not given: nothing. */
  readonly dialledAs?: readonly string[];
  readonly manner: ClientManner;
  readonly plan: MakePlan;
  /** What all threads know of the servers; not given: this thread is alone. */
  readonly records?: ServerRecords;
  /** What admin keys tell besides; see admin-keys.ts. */
  readonly facts?: ReadonlyMap<string, string>;
}

/**
 * One thread's routing for one pool: its destinations, its route tree and the pools of records. Clients come in by `session`.
 */
export class Router implements DestinationHost, ClientHost, RouteContext, EjectionHost {
  settings: RoutingSettings;
  readonly random: Random;
  readonly requests: RequestPool;
  readonly calls: CallPool;
  readonly generations: WriteGenerations;
  readonly hotKeyFigures: HotKeyFigures;
  records: ServerRecords;
  destinations: readonly Destination[] = [];
  root: RouteHandle;
  readonly #returnWait: ReturnWait;
  /** Grows with each failure of a server. */
  failureSerial = 0;
  #plan: RoutePlan;
  readonly #surroundings: RouterSurroundings;
  #upCallbacks: (() => void)[] = [];
  readonly #leaving: LeavingServers;
  /** Made when it is needed first; undefined: not yet. */
  #everywhere: RouteHandle | null | undefined;
  #lanes = 0;
  #facts: ReadonlyMap<string, string> = new Map();
  #configuredMs = 0;
  #ticking = false;
  #closed = false;

  constructor(routing: Routing, surroundings: RouterSurroundings) {
    this.random = surroundings.random;
    this.generations = surroundings.generations ?? new WriteGenerations(WriteGenerations.allocate());
    this.hotKeyFigures = surroundings.hotKeyFigures ?? new HotKeyFigures(HotKeyFigures.allocate(), 0);
    const { bufferBytesMax, uploadMsGranted } = routing.settings;
    const uploads = new Uploads(uploadMsGranted, () => surroundings.nowMs());
    this.requests = new RequestPool(bufferBytesMax, uploads, surroundings.replyBlocks);
    this.calls = new CallPool(this.requests);
    this.#returnWait = new ReturnWait(this);
    this.requests.figures.returnWait = this.#returnWait;
    this.#leaving = new LeavingServers(this.requests);
    this.requests.figures.leavingServers = this.#leaving;
    this.#surroundings = surroundings;
    this.settings = routing.settings;
    this.records = recordsOf(routing);
    [this.#plan, this.root] = this.#configure(routing);
  }

  /**
   * Routes by something else from now on. Requests under way end as they began; connections to servers that stay are kept, those to
   * others are closed when nothing of before needs them any more.
   */
  reconfigure(routing: Routing): void {
    this.records = recordsOf(routing);
    const before = this.destinations;
    const treeBefore = this.root;
    const longestMs = this.#plan.answerMsMax() + this.settings.returnWaitMs + DEADLINE_SLACK_MS;
    this.settings = routing.settings;
    [this.#plan, this.root] = this.#configure(routing);
    for (const handle of treeBefore.walk()) handle.retire();
    continueMoves(treeBefore, this.root);
    if (hasHotKeys(this.root) && !hasHotKeys(treeBefore)) this.#holdWhileUnderWay(longestMs);
    const gone = before.filter((destination) => !this.destinations.includes(destination));
    this.requests.beginGeneration();
    this.#leaving.add(gone, this.nowMs() + longestMs);
    this.mayServe();
    this.wake();
  }

  /** Writes of before that nobody has watched may be under way for so long: until then any key counts as being written. */
  #holdWhileUnderWay(longestMs: number): void {
    this.generations.beginEverywhere();
    this.#surroundings.schedule(longestMs, () => this.generations.endEverywhere());
  }

  #configure(routing: Routing): [RoutePlan, RouteHandle] {
    const { servers, manner, plan, facts } = routing;
    const groups: Map<RoutingSettings, HealthGroup> = new Map();
    this.calls.manner = manner;
    this.#upCallbacks = [];
    this.#facts = facts ?? new Map();
    this.#configuredMs = this.nowMs();
    const kept = [...this.destinations];
    this.destinations = servers.map((name, server) => {
      const found = kept.findIndex((destination) => destination.name === name);
      const destination = found < 0 ? undefined : kept.splice(found, 1)[0];
      const settings = routing.serverSettings?.[server] ?? routing.settings;
      const dialledAs = routing.dialledAs?.[server] ?? '';
      const group = groups.get(settings) ?? new HealthGroup(settings.failOpenShare);
      groups.set(settings, group);
      if (destination === undefined) {
        const made = new Destination(server, name, this, settings, group, dialledAs);
        group.join(made);
        return made;
      }
      destination.reconfigured(server, settings, group, dialledAs);
      return destination;
    });
    for (const group of groups.values()) group.review();
    this.#everywhere = undefined;
    const made = plan(this.destinations, this);
    const root = new RootRoute(made.root, this.calls, this.#returnWait);
    const lastPlaces = findLastPlaces(root);
    for (const destination of this.destinations) destination.noteLastPlace(lastPlaces.has(destination));
    return [made, root];
  }

  /** The session of a new client. @param gone is called once, when it has gone */
  session(connection: Connection, gone: (error: ConnectionError | null) => void): Session {
    return new ClientSession(this, connection, gone);
  }

  /** Dials all servers. @param settled called once, when each is up or known to be down */
  connect(settled: () => void): void {
    let open = this.destinations.length;
    for (const destination of this.destinations) {
      destination.connect(() => {
        open--;
        if (open === 0) settled();
      });
    }
  }

  /** Gives up all connections to servers; what waits for them is answered with an error. */
  close(): void {
    this.#closed = true;
    for (const destination of this.destinations) destination.close();
    this.#leaving.close();
    // Last: what a destination gives up may have come to wait for it.
    this.#returnWait.close((call) => this.calls.giveUp(call));
  }

  get everywhere(): RouteHandle | null {
    if (this.#everywhere === undefined) this.#everywhere = everywhereRoute(this.root, this);
    return this.#everywhere;
  }

  nextLane(): number {
    this.#lanes = (this.#lanes + 1) & 0xffff;
    return this.#lanes;
  }

  adminAnswer(question: string): string {
    const configurationAgeSeconds = (this.nowMs() - this.#configuredMs) / 1000;
    const { root, destinations, requests } = this;
    return adminAnswer(question, {
      root,
      destinations,
      requests,
      configurationAgeSeconds,
      facts: this.#facts,
    });
  }

  statistics(subject: string, isForMerging = false): string {
    return this.#plan.statistics(subject, isForMerging);
  }

  askStatistics(words: string, done: (text: string) => void): void {
    const all = words.split(' ').filter((word) => word !== '');
    const [subject = ''] = all[0] === OWN_THREAD ? all.slice(1) : all;
    const { gatherStatistics } = this.#surroundings;
    if (subject === 'agent' && words === AGENT_WITHOUT_OTHERS) {
      const ms = Math.ceil(this.#plan.answerMsMax() + this.settings.returnWaitMs);
      done(statText([`agent_answer_ms_max ${ms}`]));
      return;
    }
    // How long this proxy may take is the same for all threads, and asked for by those who wait for it.
    if (gatherStatistics === undefined || all.includes(OWN_THREAD) || subject === 'agent') {
      done(this.statistics(subject));
      return;
    }
    gatherStatistics(subject, (others) =>
      done(
        others === null
          ? TOO_MANY_ASK
          : mergedStatistics([this.statistics(subject, true), ...others.texts], others.missing),
      ),
    );
  }

  nowMs(): number {
    return this.#surroundings.nowMs();
  }

  wallMs(): number {
    return this.#surroundings.wallMs?.() ?? 0;
  }

  dial(server: number, timeoutMs: number, factory: (connection: Connection) => Session): Connection {
    return this.#surroundings.dial(server, timeoutMs, factory);
  }

  login(server: number): ServerLogin | null {
    return this.#surroundings.login?.(server) ?? null;
  }

  log(line: string): void {
    this.#surroundings.log(line);
  }

  warn(line: string): void {
    if (this.#surroundings.warn === undefined) this.log(line);
    else this.#surroundings.warn(line);
  }

  whenUp(callback: () => void): void {
    this.#upCallbacks.push(callback);
  }

  noteFailure(): void {
    this.failureSerial++;
  }

  cameUp(): void {
    this.mayServe();
    for (const callback of this.#upCallbacks) callback();
  }

  mayServe(): void {
    if (this.isWaitedFor) this.#returnWait.release(this.root);
  }

  get isWaitedFor(): boolean {
    return this.#returnWait.count > 0;
  }

  wake(): void {
    if (this.#ticking || this.#closed) return;
    this.#ticking = true;
    const dueMs = this.nowMs() + TICK_MS;
    this.#surroundings.schedule(TICK_MS, () => this.#tick(dueMs));
  }

  soon(callback: () => void): void {
    this.#surroundings.schedule(1, callback);
  }

  #tick(dueMs: number): void {
    if (this.#closed) return;
    const nowMs = this.nowMs();
    if (nowMs - dueMs >= LATE_TICK_MS) {
      // Servers are not to blame for a thread that had no time for them.
      this.#surroundings.schedule(1, () => this.#tick(Number.POSITIVE_INFINITY));
      return;
    }
    this.#ticking = false;
    let busy = false;
    for (const destination of this.destinations) if (destination.tick(nowMs)) busy = true;
    if (this.isWaitedFor) {
      busy = true;
      this.#returnWait.tick(nowMs, this.root);
    }
    if (this.#leaving.count > 0) {
      busy = true;
      this.#leaving.tick(nowMs);
    }
    if (busy) this.wake();
  }

  /** Of the plan in force, whose kind the caller knows. */
  get plan(): RoutePlan {
    return this.#plan;
  }

  get manner(): ClientManner {
    return this.calls.manner;
  }

  /** Destinations that have an answered connection now. */
  get upCount(): number {
    let count = 0;
    for (const destination of this.destinations) if (destination.state === DESTINATION.up) count++;
    return count;
  }
}

function recordsOf({ records, servers }: Routing): ServerRecords {
  return records ?? new ServerRecords(ServerRecords.allocate(servers.length));
}
