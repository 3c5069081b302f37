/*
 * The single steps that operations are made of: start, restart, reload and stop one service, and wait until it is what it shall be. Each wait has a
 * bound, and ends when everything is being stopped.
 */

import type { ServiceStatus } from '../checks/cluster-status.ts';
import { BY_CLUSTER, type Monitor } from '../monitor/monitor.ts';
import { type ProbeTarget, probe } from '../monitor/probe.ts';
import type { TwinAddress } from '../monitor/service-definition.ts';
import { hostAndPort } from '../net/addresses.ts';
import { askNode, readinessOf, serverStates } from './node-sync.ts';
import type { OperationProgress } from './operation-progress.ts';
import type { PlannedService } from './plan.ts';
import { writePlannedFiles } from './planned-cluster.ts';
import type { RestartTurn } from './restart-turn.ts';

/** A node that comes no nearer to its twins for so long is given up. */
const SYNC_MS_MAX = 60_000;
/** A proxy has taken over its routes long before. */
const ROUTES_MS_MAX = 10_000;
/** Proxies dial a server that is back within half a second, one that flaps later; then they ask it all the same when there is nobody else. */
const SEEN_MS_MAX = 3000;
/** A twin of a node that is taken out is in sync already, as a rule. */
const ASKED_MS_MAX = 10_000;
/** For a twin that another host's monitor restarts, with its copy. */
const TURN_MS_MAX = 600_000;
/** Longer than a service's own time to end. */
const STOP_MS_MAX = 30_000;
/** Requests of before have ended by then, unless a client holds them up. */
const LEFT_MS_MAX = 5000;
const LOOK_MS = 50;
const PROXY_ANSWER_MS_MAX = 2000;

/** An operation cannot go on; what has been done stays. */
export class OperationAborted extends Error {}

export class ServiceSteps {
  readonly #monitor: Monitor;
  readonly #progress: OperationProgress;

  constructor(monitor: Monitor, progress: OperationProgress) {
    this.#monitor = monitor;
    this.#progress = progress;
  }

  statusOf(name: string): ServiceStatus | null {
    return this.#monitor.status().services.find((service) => service.name === name) ?? null;
  }

  /** Whether a service is wanted to run: one that an operator has stopped is left alone. */
  isWanted(name: string): boolean {
    const state = this.statusOf(name)?.state;
    return state !== undefined && state !== 'stopped' && state !== 'stopping';
  }

  /** Starts a service that the monitor knows, and waits until it is of use. */
  async start(service: PlannedService): Promise<void> {
    const before = this.statusOf(service.name)?.restarts ?? 0;
    this.#monitor.command(service.name, 'start', BY_CLUSTER);
    await this.#ready(service, before);
  }

  /** Restarts a service as it is defined now, and waits until it is of use. */
  async restart(service: PlannedService): Promise<void> {
    const before = this.statusOf(service.name)?.restarts ?? 0;
    this.#monitor.command(service.name, 'restart', BY_CLUSTER);
    await this.#ready(service, before);
  }

  /** Stops a service. It ends by itself, with what it has to send sent. */
  async stop(name: string): Promise<void> {
    this.#monitor.command(name, 'stop', BY_CLUSTER);
    await this.#until(`${name} to end`, within(STOP_MS_MAX), () => {
      const state = this.statusOf(name)?.state;
      return state === 'stopped' || state === 'gave-up';
    });
  }

  /** Waits until nobody else restarts a twin of a node. */
  async takeTurn(turn: RestartTurn, name: string): Promise<void> {
    await this.#until(`the turn of ${name}`, within(TURN_MS_MAX), async () => {
      const other = await turn.take();
      if (other !== null)
        this.#progress.doing(`waiting for ${other}, which is restarted from another host, before ${name}`);
      return other === null;
    });
  }

  /** Waits until at least one twin of a node has all that it has. */
  async twinReady(service: PlannedService): Promise<void> {
    const { name, probe: place, twins } = service;
    await this.#nearer(`a twin of ${name}`, async () => {
      let text = 'no twin answers';
      for (const twin of twins) {
        const others = [{ name, ...place }];
        const readiness = await readinessOf(twin, others);
        if (readiness.isReady) return readiness;
        text = `${twin.name} ${readiness.text}`;
      }
      return { isReady: false, text };
    });
  }

  /**
   * Waits until proxies that send requests to a node have a connection to one of its twins, for a while at most: its twins are back, and they may not know it yet.
   *
   * @param services all that run here
   */
  async twinSeen({ name, twins }: PlannedService, services: readonly PlannedService[]): Promise<void> {
    const proxies = services.filter((proxy) => proxy.after.includes(name) && this.#isServing(proxy.name));
    const places = twins.map(({ host, port }) => hostAndPort(host, port));
    const endMs = performance.now() + SEEN_MS_MAX;
    for (const proxy of proxies)
      await this.#forAWhile(`${proxy.name} to reach a twin of ${name}`, endMs, async () => {
        const states = await serverStates(proxy.probe);
        // One that has never been needed is not dialled.
        return places.some((place) => /^(up|idle)$/.test(states?.get(place) ?? 'up'));
      });
  }

  /** Waits until one of some nodes may be asked, by its own word: those that stand in for one that is taken away, in whatever state that is. */
  async mayBeAsked(nodes: readonly TwinAddress[]): Promise<void> {
    const names = nodes.map(({ name }) => name).join(' or ');
    await this.#until(`${names} to be in sync`, within(ASKED_MS_MAX), async () =>
      (await Promise.all(nodes.map(askNode))).some(({ isInSync }) => isInSync),
    );
  }

  /** Waits until a node serves and is in sync. */
  async inSync(
    service: Pick<PlannedService, 'name' | 'twins'> & { readonly probe: Pick<ProbeTarget, 'host' | 'port'> },
  ): Promise<void> {
    await this.#nearer(service.name, () => readinessOf(service.probe, service.twins));
  }

  /**
   * Gives a proxy that serves its new configuration. One that does not run will read it when it starts.
   *
   * @param before what it has now, for the case that it refuses the new one
   */
  async takeOver(service: PlannedService, before: PlannedService): Promise<void> {
    const { name, configuration } = service;
    if (configuration === null) return;
    const counted = this.#isServing(name) ? await configurationCounts(service) : null;
    writePlannedFiles([configuration]);
    if (counted === null) return;
    this.#monitor.reload(name);
    let refused = false;
    await this.#until(`${name} to take over its routes`, within(ROUTES_MS_MAX), async () => {
      if (!this.#isServing(name)) return true;
      const now = await configurationCounts(service);
      refused = now !== null && now.failures > counted.failures;
      return refused || (now !== null && now.loads > counted.loads);
    });
    if (!refused) return;
    if (before.configuration !== null) {
      writePlannedFiles([before.configuration]);
      this.#monitor.reload(name);
    }
    throw new OperationAborted(
      `${name} refuses its new routes; \`twincached up -v\` shows why. It goes on with those before`,
    );
  }

  /**
   * Waits until no request of before needs servers that proxies have been told to leave, for a while at most.
   *
   * @param services all that run here
   */
  async serversLeft(services: readonly PlannedService[]): Promise<void> {
    const endMs = performance.now() + LEFT_MS_MAX;
    for (const proxy of services.filter(({ role, name }) => role === 'proxy' && this.#isServing(name)))
      await this.#forAWhile(
        `${proxy.name} to leave servers`,
        endMs,
        async () => Number((await proxyStatistics(proxy))?.get('servers_leaving') ?? 0) === 0,
      );
  }

  #isServing(name: string): boolean {
    return this.statusOf(name)?.state === 'running';
  }

  async #ready(service: PlannedService, restartsBefore: number): Promise<void> {
    const { name, policy } = service;
    // From the order to end to the first answer, both within the service's own bounds; but a copy may take its time so long as it goes on.
    const patienceMs = policy.stopTimeoutMs + policy.startTimeoutMs;
    let reason = '';
    let endMs = performance.now() + patienceMs;
    await this.#until(
      `${name} to serve`,
      () => endMs,
      () => {
        const status = this.statusOf(name);
        if (status === null) throw new OperationAborted(`${name} is gone`);
        if (status.state === 'gave-up' || status.restarts > restartsBefore)
          throw new OperationAborted(`${name} does not start: ${status.reason}`);
        if (status.state === 'starting' && status.reason !== reason) {
          ({ reason } = status);
          endMs = performance.now() + patienceMs;
          this.#progress.doing(`waiting for ${name}: ${reason}`);
        }
        return status.state === 'running';
      },
    );
    if (service.role === 'node') await this.inSync(service);
  }

  /** Waits for something that comes nearer step by step, as its text tells. */
  async #nearer(
    what: string,
    look: () => Promise<{ readonly isReady: boolean; readonly text: string }>,
  ): Promise<void> {
    let last = '';
    let changedMs = performance.now();
    for (;;) {
      this.#goOn();
      const { isReady, text } = await look();
      if (isReady) return;
      this.#progress.doing(`waiting for ${what}: ${text}`);
      if (text !== last) changedMs = performance.now();
      last = text;
      if (performance.now() - changedMs > SYNC_MS_MAX)
        throw new OperationAborted(`${what} is not in sync, and comes no nearer: ${text}`);
      await pause();
    }
  }

  /** Waits for something that is well to have and can be done without. @param endMs until when, on the clock of `performance.now` */
  async #forAWhile(what: string, endMs: number, condition: () => Promise<boolean>): Promise<void> {
    this.#progress.doing(`waiting for ${what}`);
    for (;;) {
      this.#goOn();
      if ((await condition()) || performance.now() > endMs) return;
      await pause();
    }
  }

  /** @param endMs until when, on the clock of `performance.now` */
  async #until(
    what: string,
    endMs: () => number,
    condition: () => boolean | Promise<boolean>,
  ): Promise<void> {
    const startMs = performance.now();
    this.#progress.doing(`waiting for ${what}`);
    for (;;) {
      this.#goOn();
      if (await condition()) return;
      if (performance.now() > endMs())
        throw new OperationAborted(
          `waited in vain for ${what}, ${Math.round((performance.now() - startMs) / 1000)} s`,
        );
      await pause();
    }
  }

  #goOn(): void {
    if (this.#monitor.isClosing) throw new OperationAborted('everything is being stopped');
  }
}

/** How many configurations a proxy has taken over, and how many it has refused; null when it does not say. */
async function configurationCounts(
  proxy: PlannedService,
): Promise<{ readonly loads: number; readonly failures: number } | null> {
  const statistics = await proxyStatistics(proxy);
  if (statistics === null) return null;
  const count = (name: string): number => Number(statistics.get(name) ?? Number.NaN);
  const counts = { loads: count('config_loads'), failures: count('config_failures') };
  return Number.isNaN(counts.loads + counts.failures) ? null : counts;
}

/** What a proxy says to `stats`; null: nothing. */
async function proxyStatistics({
  probe: { host, port },
}: PlannedService): Promise<ReadonlyMap<string, string> | null> {
  // As a node is asked: the whole of `stats` has it.
  const result = await probe({ host, port, stats: true }, PROXY_ANSWER_MS_MAX, 'node');
  return result.ok ? result.stats : null;
}

function within(ms: number): () => number {
  const endMs = performance.now() + ms;
  return () => endMs;
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, LOOK_MS);
  });
}
