import type { Connection } from '../base/session.ts';
import { type DestinationReader, PROBE_LINE } from './destination-reader.ts';

/** What a probe has come to. */
export const PROBED = {
  /** More answers are to come. */
  asking: 0,
  /** The server can be used. */
  ready: 1,
  /** It says that it does not have yet what its twin has. */
  filling: 2,
  /** It is no memcached. */
  garbled: 3,
  /** It answers nobody who has not logged in. */
  wantsLogin: 4,
  /** It does not take the login. */
  refused: 5,
} as const;

const STAGE = { version: 0, details: 1, acks: 2, identity: 3, login: 4 } as const;

/**
 * What a destination asks on a new connection before it trusts the server, and what it has learnt:
 *
 *     version                          a stopped process accepts connections, too, but does not answer
 *     set auth 0 0 N, user password    if it says that nobody is let in who has not logged in; then `version` again. Who does not ask for a login is not
 *                                      given one: it would store the password as an item, for all to see
 *     stats replication                of a cache: whether it has twins, and has what they have
 *     stats agent [alone]              of a proxy: how long it needs
 *     acks N MS                        of a cache with twins: replies to writes wait for them
 *     stats                            of a cache without: which process it is, for a new one has lost what the old one had; and a repcached tells only here that it is one
 */
export class DestinationProbe {
  /** Whether the server replicates by itself; null before the first probe. */
  replicates: boolean | null = null;
  /** It is a node of ours with twins, which does not do what it has not read of a connection that was reset; a repcached does. */
  isTwin = false;
  /** How long it needs at most if it is a proxy, in milliseconds; else 0. */
  answerMsMax = 0;
  /** The process and when it was started, by its own clock; 0: it has not told. */
  pid = 0;
  startedSeconds = 0;
  /** A server that hung up when it was asked for details is not asked again. */
  asksDetails = true;
  /** What fails here has no other place: a proxy is told that it may wait for a server that it has lost. */
  isLastPlace = false;
  #stage: number = STAGE.version;
  #seesReplication = false;
  #seesAnswerMs = 0;
  #lacksSync = false;
  #isAgent = false;
  #hasLoggedIn = false;
  #uptimeSeconds = 0;
  #timeSeconds = 0;
  readonly #acks: number;
  readonly #ackMsMax: number;

  /**
   * @param acks how many twins must have a write before it is answered; 0 asks for nothing
   * @param ackMsMax for how long they are waited for
   */
  constructor(acks: number, ackMsMax: number) {
    this.#acks = acks;
    this.#ackMsMax = ackMsMax;
  }

  /** Whether the details have been asked for and not told. */
  get awaitsDetails(): boolean {
    return this.#stage === STAGE.details;
  }

  begin(connection: Connection): void {
    this.#stage = STAGE.version;
    this.#lacksSync = this.#hasLoggedIn = false;
    this.pid = this.startedSeconds = 0;
    this.#ask(connection, 'version\r\n');
  }

  /** Logs in, as memcached's `-Y` wants it. @param words user and password, a character for each byte */
  logIn(connection: Connection, words: string): void {
    this.#stage = STAGE.login;
    this.#ask(connection, `set auth 0 0 ${words.length}\r\n${words}\r\n`);
  }

  /** Asks once more whether it has what its twin has. */
  again(connection: Connection): void {
    this.#askDetails(connection, 'stats replication\r\n');
  }

  /** It will be used though it lacks something. @returns as `take` */
  insist(connection: Connection): number {
    return this.#askForAcks(connection);
  }

  /**
   * Takes a line of an answer, which `reader` has just read.
   *
   * @param kind one of PROBE_LINE
   * @returns one of PROBED
   */
  take(kind: number, reader: DestinationReader, connection: Connection): number {
    switch (this.#stage) {
      case STAGE.version:
        if (kind === PROBE_LINE.wantsLogin) return this.#hasLoggedIn ? PROBED.refused : PROBED.wantsLogin;
        if (kind !== PROBE_LINE.version && kind !== PROBE_LINE.agentVersion) return PROBED.garbled;
        if (!this.asksDetails) {
          this.replicates ??= false;
          return PROBED.ready;
        }
        this.#isAgent = kind === PROBE_LINE.agentVersion;
        this.#askDetails(connection, this.#isAgent ? this.#agentQuestion : 'stats replication\r\n');
        return PROBED.asking;
      case STAGE.login:
        if (kind !== PROBE_LINE.stored) return PROBED.refused;
        this.#hasLoggedIn = true;
        this.#stage = STAGE.version;
        this.#ask(connection, 'version\r\n');
        return PROBED.asking;
      case STAGE.details:
        return this.#detail(kind, reader, connection);
      case STAGE.identity:
        return this.#identity(kind, reader);
      default:
        // Whatever it says: who does not know the command goes on without.
        return PROBED.ready;
    }
  }

  get #agentQuestion(): string {
    return this.isLastPlace ? 'stats agent alone\r\n' : 'stats agent\r\n';
  }

  #detail(kind: number, reader: DestinationReader, connection: Connection): number {
    if (kind === PROBE_LINE.stat) {
      if (reader.probeReplicates) this.#seesReplication = true;
      if (reader.probeLacksSync) this.#lacksSync = true;
      if (reader.probeAnswerMs > 0) this.#seesAnswerMs = reader.probeAnswerMs;
    }
    if (kind !== PROBE_LINE.end) return PROBED.asking;
    this.answerMsMax = this.#seesAnswerMs;
    this.isTwin = this.#seesReplication;
    if (this.isTwin || this.#isAgent) {
      this.replicates = this.isTwin;
      return this.#lacksSync ? PROBED.filling : this.#askForAcks(connection);
    }
    this.#stage = STAGE.identity;
    this.#uptimeSeconds = this.#timeSeconds = 0;
    this.#ask(connection, 'stats\r\n');
    return PROBED.asking;
  }

  #identity(kind: number, reader: DestinationReader): number {
    if (kind !== PROBE_LINE.stat) {
      this.replicates = this.#seesReplication;
      if (this.#timeSeconds > 0) this.startedSeconds = this.#timeSeconds - this.#uptimeSeconds;
      else this.pid = 0;
      return PROBED.ready;
    }
    if (reader.probeReplicates) this.#seesReplication = true;
    if (reader.probePid > 0) this.pid = reader.probePid;
    if (reader.probeUptimeSeconds > 0) this.#uptimeSeconds = reader.probeUptimeSeconds;
    if (reader.probeTimeSeconds > 0) this.#timeSeconds = reader.probeTimeSeconds;
    return PROBED.asking;
  }

  #askDetails(connection: Connection, question: string): void {
    this.#stage = STAGE.details;
    this.#seesReplication = false;
    this.#seesAnswerMs = 0;
    this.#lacksSync = false;
    this.#ask(connection, question);
  }

  #askForAcks(connection: Connection): number {
    if (!this.isTwin || this.#acks === 0) return PROBED.ready;
    this.#stage = STAGE.acks;
    this.#ask(connection, `acks ${this.#acks} ${this.#ackMsMax}\r\n`);
    return PROBED.asking;
  }

  #ask(connection: Connection, question: string): void {
    connection.output.text(question);
    connection.flush();
  }
}
