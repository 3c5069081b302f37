import type { Random } from '../base/random.ts';
import type { Connection, Session } from '../base/session.ts';
import { CallPool } from './call.ts';
import { type ClientHost, ClientSession } from './client-session.ts';
import { DESTINATION, Destination, type DestinationHost } from './destination.ts';
import { RequestPool } from './request.ts';
import { RootRoute, type RouteContext, type RouteHandle } from './route-handle.ts';
import { ServerRecords } from './server-records.ts';
import type { RoutingSettings } from './settings.ts';

/** How often deadlines are looked at while something is under way: the precision of all timeouts. */
export const TICK_MS = 20;

/** What a router is given of the world outside. */
export interface RouterSurroundings {
  readonly random: Random;
  nowMs(): number;
  dial(server: number, timeoutMs: number, factory: (connection: Connection) => Session): Connection;
  schedule(delayMs: number, callback: () => void): void;
  log(line: string): void;
  /** What all threads know of the servers; null: this thread is alone. */
  readonly records?: ServerRecords;
}

/** A route tree over the destinations of a router, and what `stats` says about it. */
export interface RoutePlan {
  readonly root: RouteHandle;
  /** Longest time from a request to its answer, in milliseconds. */
  answerMsMax(): number;
  statistics(subject: string): string;
}

/**
 * One thread's routing: its destinations, its route tree and the pools of records. Clients come in by `session`.
 */
export class Router implements DestinationHost, ClientHost, RouteContext {
  readonly settings: RoutingSettings;
  readonly random: Random;
  readonly requests: RequestPool;
  readonly calls: CallPool;
  readonly records: ServerRecords;
  readonly destinations: readonly Destination[];
  readonly root: RouteHandle;
  readonly #plan: RoutePlan;
  readonly #surroundings: RouterSurroundings;
  readonly #upCallbacks: (() => void)[] = [];
  #ticking = false;
  #closed = false;

  /**
   * @param servers the addresses as typed; `dial` gets their positions
   * @param plan makes the route tree
   */
  constructor(
    settings: RoutingSettings,
    servers: readonly string[],
    plan: (destinations: readonly Destination[], context: RouteContext) => RoutePlan,
    surroundings: RouterSurroundings,
  ) {
    this.settings = settings;
    this.random = surroundings.random;
    this.requests = new RequestPool(settings.bufferBytesMax);
    this.calls = new CallPool(this.requests);
    this.#surroundings = surroundings;
    this.records = surroundings.records ?? new ServerRecords(ServerRecords.allocate(servers.length));
    this.destinations = servers.map((name, server) => new Destination(server, name, this));
    this.#plan = plan(this.destinations, this);
    this.root = new RootRoute(this.#plan.root, (call) => this.calls.giveUp(call));
  }

  /** The session of a new client. @param gone is called once, when it has gone */
  session(connection: Connection, gone: () => void): Session {
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
  }

  statistics(subject: string): string {
    return this.#plan.statistics(subject);
  }

  nowMs(): number {
    return this.#surroundings.nowMs();
  }

  dial(server: number, timeoutMs: number, factory: (connection: Connection) => Session): Connection {
    return this.#surroundings.dial(server, timeoutMs, factory);
  }

  log(line: string): void {
    this.#surroundings.log(line);
  }

  whenUp(callback: () => void): void {
    this.#upCallbacks.push(callback);
  }

  cameUp(): void {
    for (const callback of this.#upCallbacks) callback();
  }

  wake(): void {
    if (this.#ticking || this.#closed) return;
    this.#ticking = true;
    this.#surroundings.schedule(TICK_MS, () => this.#tick());
  }

  #tick(): void {
    this.#ticking = false;
    if (this.#closed) return;
    const nowMs = this.nowMs();
    let busy = false;
    for (const destination of this.destinations) if (destination.tick(nowMs)) busy = true;
    if (busy) this.wake();
  }

  /** Destinations that have an answered connection now. */
  get upCount(): number {
    let count = 0;
    for (const destination of this.destinations) if (destination.state === DESTINATION.up) count++;
    return count;
  }
}
