import { isAlive } from './daemons.ts';
import { AS_ROOT, freePorts, type Running, twincached } from './processes.ts';
import { TextClient } from './text-client.ts';
import { until } from './wait.ts';

/** One key as a node has it, or null. */
export interface Entry {
  readonly cas: string;
  readonly value: string;
}

/** Two nodes that dial each other: on 127.0.0.1 and .2 with the same ports, or both on 127.0.0.1 with the same replication port. */
export class ReplicatedPair {
  readonly hosts: readonly [string, string];
  readonly ports: readonly [number, number];
  readonly replicationPort: number;
  readonly #options: readonly string[];
  readonly nodes: [Running | null, Running | null] = [null, null];

  private constructor(
    hosts: readonly [string, string],
    ports: readonly [number, number],
    replicationPort: number,
    options: readonly string[],
  ) {
    this.hosts = hosts;
    this.ports = ports;
    this.replicationPort = replicationPort;
    this.#options = options;
  }

  /** Chooses ports; starts nothing. @param sameHost both nodes on 127.0.0.1 */
  static async make(options: readonly string[], sameHost = false): Promise<ReplicatedPair> {
    const [first = 0, other = 0, replication = 0] = await freePorts(3);
    return sameHost
      ? new ReplicatedPair(['127.0.0.1', '127.0.0.1'], [first, other], replication, options)
      : new ReplicatedPair(['127.0.0.1', '127.0.0.2'], [first, first], replication, options);
  }

  /** Starts a node; returns when its process is there, not when its port is open. @param options of this node alone */
  launch(side: 0 | 1, options: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): void {
    const peer = this.hosts[side === 0 ? 1 : 0];
    const words = [
      'memcached',
      ...AS_ROOT,
      ...['-l', this.hosts[side], '-p', `${this.ports[side]}`],
      ...['-x', peer, '-X', `${this.replicationPort}`],
      ...this.#options,
      ...options,
    ];
    this.nodes[side] = twincached(words, environment);
  }

  /** A client of a node that is starting: waits for its port. */
  client(side: 0 | 1): Promise<TextClient> {
    return until(
      `node ${side} is open: ${this.nodes[side]?.stderr()}`,
      () => TextClient.connect(this.ports[side], this.hosts[side]),
      60_000,
    );
  }

  /** A client of a node that may be dead. @returns null when it is */
  connect(side: 0 | 1): Promise<TextClient | null> {
    return TextClient.connect(this.ports[side], this.hosts[side]).catch(() => null);
  }

  async kill(side: 0 | 1): Promise<void> {
    const node = this.nodes[side];
    this.nodes[side] = null;
    if (node !== null && isAlive(node.pid)) await node.kill('SIGKILL');
  }

  /** Waits until a node says that it is linked with its twin and that nothing is under way. */
  async linked(client: TextClient): Promise<void> {
    await until(
      'linked',
      async () => {
        const stats = await client.stats('replication');
        return (
          stats.get('replication_state') === 'linked' &&
          stats.get('replication_peer_0_lag_changes') === '0' &&
          stats.get('replication_peer_0_lag_bytes') === '0'
        );
      },
      60_000,
    );
  }

  /** What a node has of these keys, with cas ids. */
  static async entries(client: TextClient, keys: readonly string[]): Promise<Map<string, Entry>> {
    const found = new Map<string, Entry>();
    for (let at = 0; at < keys.length; at += 100) {
      const reply = await client.ask(`gets ${keys.slice(at, at + 100).join(' ')}`);
      let from = 0;
      for (;;) {
        const head = /^VALUE (\S+) \d+ (\d+) (\d+)\r\n/.exec(reply.slice(from, from + 400));
        if (head === null) break;
        const [line, key = '', bytes, cas = ''] = head;
        const start = from + line.length;
        found.set(key, { cas, value: reply.slice(start, start + Number(bytes)) });
        from = start + Number(bytes) + 2;
      }
    }
    return found;
  }

  /**
   * Why a node that runs with `-v` has lost links, save what has nothing to do with anybody else: at the start one of two may be given up, and on a machine that is too busy a
   * node stands still.
   */
  lostLinks(side: 0 | 1): string[] {
    const ends = (this.nodes[side]?.stderr() ?? '').matchAll(/ close \(peer=[^,]*, (.*)\)$/gm);
    const isOwn = /^(another link|this process stood still|the peer (is silent|gives the link up))/;
    return [...ends].map(([, reason = '']) => reason).filter((reason) => !isOwn.test(reason));
  }

  /** Waits until both nodes have the same of all keys, cas ids included. @returns what that is */
  agree(first: TextClient, second: TextClient, keys: readonly string[]): Promise<Map<string, Entry>> {
    return until(
      'both have the same',
      async () => {
        const [here, there] = await Promise.all([
          ReplicatedPair.entries(first, keys),
          ReplicatedPair.entries(second, keys),
        ]);
        for (const key of keys) {
          const a = here.get(key);
          const b = there.get(key);
          if (a?.value !== b?.value || a?.cas !== b?.cas)
            throw new Error(
              `${key}: ${a?.value.slice(0, 40)} (cas ${a?.cas}) and ${b?.value.slice(0, 40)} (cas ${b?.cas})`,
            );
        }
        return here;
      },
      60_000,
    );
  }

  async dispose(): Promise<void> {
    for (const side of [0, 1] as const) {
      const node = this.nodes[side];
      if (node !== null && isAlive(node.pid)) node.child.kill('SIGCONT');
      await this.kill(side);
    }
  }
}
