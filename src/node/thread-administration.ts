import type { Gathered, GatheredRow, ThreadPort, WalkClaim } from '../engine/administration.ts';
import { ConnectedClients } from '../engine/connected-clients.ts';
import { NodeLog } from '../engine/node-log.ts';
import { PrefixStatistics } from '../engine/prefix-statistics.ts';
import { formatPeer } from '../net/addresses.ts';
import type { DataThread } from '../net/data-threads.ts';
import type { Listener } from '../net/loop.ts';
import type { Cache } from '../store/cache.ts';
import { Gathering } from './gathering.ts';
import type { SharedFigures } from './shared-figures.ts';
import type { FromNodeThread, NodeThreadData, ToNodeThread } from './thread-messages.ts';
import { SharedWalkClaim } from './walk-claim.ts';

/** What one data thread has for administrators' commands. */
export class ThreadAdministration {
  readonly claim: WalkClaim;
  readonly threads: ThreadPort;
  readonly clients: ConnectedClients = new ConnectedClients();
  readonly prefixes: PrefixStatistics;
  readonly log: NodeLog;
  readonly #figures: SharedFigures;
  readonly #cache: Cache;
  readonly #listeners: readonly Listener[];
  readonly #gathering: Gathering;
  readonly #refreshCertificates: () => readonly GatheredRow[];
  readonly #startedSeconds: number;
  #prefixEpoch = 0;

  /**
   * @param listeners of this thread, as they come and go
   * @param refreshCertificates reads them again where there are some; one row with the outcome, or none
   */
  constructor(
    thread: DataThread,
    data: NodeThreadData,
    figures: SharedFigures,
    cache: Cache,
    listeners: readonly Listener[],
    post: (message: FromNodeThread) => void,
    refreshCertificates: () => readonly GatheredRow[],
  ) {
    this.#refreshCertificates = refreshCertificates;
    this.claim = new SharedWalkClaim(figures, () => cache.nowSeconds);
    this.prefixes = new PrefixStatistics(data.options.prefixDelimiter);
    this.#figures = figures;
    this.#cache = cache;
    this.#listeners = listeners;
    const { index, loop } = thread;
    this.log = new NodeLog(data.log, cache, {
      index,
      clock: loop.clock,
      schedule: (delayMs, callback) => loop.schedule(delayMs, callback),
      wake: (other) => thread.wake(other),
    });
    thread.onWake(() => this.log.read());
    this.#startedSeconds = Math.floor(data.startedMs / 1000);
    this.#gathering = new Gathering(thread.count === 1, post, (what) => this.#rows(what));
    this.threads = {
      later: (callback) => thread.loop.schedule(0, callback),
      gather: (what, answered) => this.#gathering.ask(what, answered),
    };
  }

  /** Once a turn: takes over what other threads have set. */
  tick(): void {
    this.log.tick();
    this.prefixes.isOn = this.#figures.detail;
    const epoch = this.#figures.prefixEpoch;
    if (epoch === this.#prefixEpoch) return;
    this.#prefixEpoch = epoch;
    this.prefixes.clear();
  }

  receive(message: ToNodeThread): void {
    this.#gathering.receive(message);
  }

  /** `stats detail on|off`. */
  setDetail(isOn: boolean): void {
    this.#figures.detail = isOn;
    this.prefixes.isOn = isOn;
  }

  /** Begins the counts by prefix anew, on all threads. */
  resetPrefixes(): void {
    this.#figures.nextPrefixEpoch();
    this.tick();
  }

  #rows(what: Gathered): readonly GatheredRow[] {
    if (what === 'certificates') return this.#refreshCertificates();
    if (what === 'prefixes') return this.prefixes.rows();
    const listening = this.#listeners.map(
      (listener): GatheredRow => [
        listener.descriptor,
        formatPeer(listener.address, listener.takesDatagrams ? 'udp' : 'tcp'),
        '',
        listener.takesDatagrams ? 'conn_read' : 'conn_listening',
        this.#cache.nowSeconds - this.#startedSeconds,
      ],
    );
    return [...listening, ...this.clients.rows(this.#cache.nowSeconds)];
  }
}
