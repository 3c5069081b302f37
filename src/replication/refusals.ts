/**
 * Counts connections that ended before they were links, and tells of those that were refused: what an operator must see, who may have set up one node and not
 * yet the other, and what a stranger may bring about as often as he likes.
 */
import type { Clock } from '../base/clock.ts';
import type { ConnectionError } from '../base/session.ts';
import type { Link } from './link.ts';

/** Refusals for want of the secret, of a good certificate, of a place or of words in common are told without -v, each reason once within this time, and not more than so many. */
const REFUSAL_LOG_MS = 60_000;
const REFUSALS_LOGGED_MAX = 8;

export class Refusals {
  /** Accepted connections that ended before their hello, or were refused. */
  strangers = 0;
  /** Of all connections those that ended because the two sides have no secret in common, or because of TLS. */
  forSecret = 0;
  forTls = 0;
  /** Those that ended because there are as many twins as there can be. */
  forPlace = 0;
  /** The reasons that have been told since then. */
  readonly #logged = new Set<string>();
  #loggedMs = Number.NEGATIVE_INFINITY;
  readonly #clock: Clock;
  readonly #log: (verbosity: number, message: string) => void;

  /** @param log as an operator sees it; 0: always */
  constructor(clock: Clock, log: (verbosity: number, message: string) => void) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Somebody came no further than into the handshake of TLS. @param peer address and port, '' when they are not known */
  handshakeFailed({ code, message: reason }: ConnectionError, peer: string): void {
    this.strangers++;
    const message = `no link (peer=${peer === '' ? 'unknown' : peer}, ${reason})`;
    if (code === 'EPROTO') {
      this.forTls++;
      this.#tell(reason, message);
    } else this.#log(2, message);
  }

  /** A connection has ended before it was a link. @param peer address and port */
  ended(
    link: Pick<Link, 'dialled' | 'lacksSecret' | 'isMisunderstood' | 'ending'>,
    peer: string,
    reason: string,
  ): void {
    if (!link.dialled) this.strangers++;
    const message = `no link (peer=${peer}, ${reason})`;
    if (link.lacksSecret) this.forSecret++;
    else if (link.ending.isByTls) this.forTls++;
    else if (link.ending.isSurplus) this.forPlace++;
    const { isByTls, isSurplus } = link.ending;
    if (link.lacksSecret || link.isMisunderstood || isByTls || isSurplus) this.#tell(reason, message);
    else this.#log(2, message);
  }

  #tell(reason: string, message: string): void {
    const nowMs = this.#clock.monotonicMs();
    const logged = this.#logged;
    if (nowMs >= this.#loggedMs + REFUSAL_LOG_MS) {
      this.#loggedMs = nowMs;
      logged.clear();
    }
    const isNews = !logged.has(reason) && logged.size < REFUSALS_LOGGED_MAX;
    if (isNews) logged.add(reason);
    this.#log(isNews ? 0 : 2, message);
  }
}
