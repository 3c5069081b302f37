import type { Connection } from '../base/session.ts';
import type { ServerLogin } from './destination-host.ts';
import { PROBE_LINE, ProbeReader } from './probe-reader.ts';

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
  /** It lets in only whom it knows, and not us: `whyKeptOut` says why. */
  keptOut: 4,
  /** The line has not come whole. */
  incomplete: 5,
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
  /**
   * It does not know the meta commands, and would take the value of an `ms` for commands: it is older than they are, or a proxy that is not ours.
   */
  lacksMeta = false;
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
  /** Where the login of this connection is from. */
  #loginSource = '';
  #whyKeptOut = '';
  readonly #lines = new ProbeReader();
  readonly #login: () => ServerLogin | null;
  readonly #acks: number;
  readonly #ackMsMax: number;

  /**
   * @param acks how many twins must have a write before it is answered; 0 asks for nothing
   * @param ackMsMax for how long they are waited for
   * @param login as whom to log in; asked for each connection on which the server wants it
   */
  constructor(acks: number, ackMsMax: number, login: () => ServerLogin | null) {
    this.#acks = acks;
    this.#ackMsMax = ackMsMax;
    this.#login = login;
  }

  /** Whether the details have been asked for and not told. */
  get awaitsDetails(): boolean {
    return this.#stage === STAGE.details;
  }

  /** For the operator; after PROBED.keptOut. */
  get whyKeptOut(): string {
    return this.#whyKeptOut;
  }

  /** Index of the byte behind the line that was taken last. */
  get next(): number {
    return this.#lines.next;
  }

  begin(connection: Connection): void {
    this.#stage = STAGE.version;
    this.#lacksSync = this.#hasLoggedIn = false;
    this.pid = this.startedSeconds = 0;
    this.#ask(connection, 'version\r\n');
  }

  /** Asks once more whether it has what its twin has. */
  again(connection: Connection): void {
    this.#askDetails(connection, 'stats replication\r\n');
  }

  /** It will be used though it lacks something. @returns as `take` */
  insist(connection: Connection): number {
    return this.#askForAcks(connection);
  }

  /** Takes one line of an answer; `next` stands behind it. @returns one of PROBED */
  take(input: Uint8Array, start: number, end: number, connection: Connection): number {
    const kind = this.#lines.read(input, start, end);
    if (kind === PROBE_LINE.incomplete) return PROBED.incomplete;
    if (kind === PROBE_LINE.garbled) return PROBED.garbled;
    switch (this.#stage) {
      case STAGE.version:
        if (kind === PROBE_LINE.wantsLogin)
          return this.#hasLoggedIn ? this.#refused(input) : this.#logIn(connection);
        if (kind !== PROBE_LINE.version && kind !== PROBE_LINE.agentVersion) return PROBED.garbled;
        this.#isAgent = kind === PROBE_LINE.agentVersion;
        this.lacksMeta = this.#isAgent || this.#lines.isBeforeMeta;
        if (!this.asksDetails) {
          this.replicates ??= false;
          return PROBED.ready;
        }
        this.#askDetails(connection, this.#isAgent ? this.#agentQuestion : 'stats replication\r\n');
        return PROBED.asking;
      case STAGE.login:
        if (kind !== PROBE_LINE.stored) return this.#refused(input);
        this.#hasLoggedIn = true;
        this.#stage = STAGE.version;
        this.#ask(connection, 'version\r\n');
        return PROBED.asking;
      case STAGE.details:
        return this.#detail(kind, connection);
      case STAGE.identity:
        return this.#identity(kind);
      default:
        // Whatever it says: who does not know the command goes on without.
        return PROBED.ready;
    }
  }

  /** As memcached's `-Y` wants it. */
  #logIn(connection: Connection): number {
    const login = this.#login();
    if (login === null) return this.#keptOut('it wants a login, and none is given');
    const { words, source } = login;
    if (words === null) return this.#keptOut(`cannot log in: ${source}`);
    this.#loginSource = source;
    this.#stage = STAGE.login;
    this.#ask(connection, `set auth 0 0 ${words.length}\r\n${words}\r\n`);
    return PROBED.asking;
  }

  #refused(input: Uint8Array): number {
    return this.#keptOut(`cannot log in by ${this.#loginSource}: ${this.#lines.text(input)}`);
  }

  #keptOut(why: string): number {
    this.#whyKeptOut = why;
    return PROBED.keptOut;
  }

  get #agentQuestion(): string {
    return this.isLastPlace ? 'stats agent alone\r\n' : 'stats agent\r\n';
  }

  #detail(kind: number, connection: Connection): number {
    const lines = this.#lines;
    if (kind === PROBE_LINE.stat) {
      if (lines.replicates) this.#seesReplication = true;
      if (lines.lacksSync) this.#lacksSync = true;
      if (lines.answerMs > 0) this.#seesAnswerMs = lines.answerMs;
    }
    if (kind !== PROBE_LINE.end) return PROBED.asking;
    this.answerMsMax = this.#seesAnswerMs;
    this.isTwin = this.#seesReplication;
    // Only those of ours say so.
    if (this.isTwin || this.answerMsMax > 0) this.lacksMeta = false;
    if (this.isTwin || this.#isAgent) {
      this.replicates = this.isTwin;
      return this.#lacksSync ? PROBED.filling : this.#askForAcks(connection);
    }
    this.#stage = STAGE.identity;
    this.#uptimeSeconds = this.#timeSeconds = 0;
    this.#ask(connection, 'stats\r\n');
    return PROBED.asking;
  }

  #identity(kind: number): number {
    if (kind !== PROBE_LINE.stat) {
      this.replicates = this.#seesReplication;
      if (this.#timeSeconds > 0) this.startedSeconds = this.#timeSeconds - this.#uptimeSeconds;
      else this.pid = 0;
      return PROBED.ready;
    }
    const { replicates, pid, uptimeSeconds, timeSeconds } = this.#lines;
    if (replicates) this.#seesReplication = true;
    if (pid > 0) this.pid = pid;
    if (uptimeSeconds > 0) this.#uptimeSeconds = uptimeSeconds;
    if (timeSeconds > 0) this.#timeSeconds = timeSeconds;
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
