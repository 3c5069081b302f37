import type { ConnectionError } from '../base/session.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { AnswerPatience, PATIENCE } from './answer-patience.ts';
import { type Call, failCall } from './call.ts';
import { CallWriter, LARGE_BYTES, type WriterOwner } from './call-writer.ts';
import { DestinationBackoff } from './destination-backoff.ts';
import { DestinationCalls } from './destination-calls.ts';
import { DestinationFigures } from './destination-figures.ts';
import { type DestinationHost, giveUp } from './destination-host.ts';
import { DestinationLink, type LinkOwner } from './destination-link.ts';
import { DestinationNotices } from './destination-notices.ts';
import { DestinationProbe, PROBED } from './destination-probe.ts';
import { DestinationReader, type ReplySink } from './destination-reader.ts';
import { FAILURE, type Failure, isRead } from './failure.ts';
import type { HealthGroup } from './health-group.ts';
import { Ring } from './ring.ts';
import type { RoutingSettings } from './settings.ts';
import { StalledClient } from './stalled-client.ts';

/**
 * What a destination is doing.
 *
 *     idle ---call---> connecting ---opened---> probing ---answered---> up
 *                        ^   \                    |                     |
 *       back-off is over |    \ failed            | failed              | lost: connecting again,
 *                        |     v                  v                     | but after silence: down
 *                        +------------ down <-----+---------------------+
 *
 * From probing it goes to filling when the server says that it does not have yet what its twin has, and back when it is asked again.
 */
export const DESTINATION = { idle: 0, connecting: 1, probing: 2, up: 3, down: 4, filling: 5 } as const;

/** A proxy gets this much longer than it says that it needs. */
const AGENT_MARGIN_MS = 250;

/** What a connection has ended by that does not mend itself: the operator is warned of it. */
const TROUBLE = { none: 0, login: 1, tls: 2 } as const;

/** The code of errors that have to do with TLS itself. */
const TLS_CODE = 'EPROTO';

/** What the client of an `ms` is told whose server would take the value for commands. */
const REFUSED_META: Uint8Array = new TextEncoder().encode(
  'SERVER_ERROR the server knows no meta commands\r\n',
);

/** Why a connection has ended that the server closed. */
const CLOSED = 'connection closed';

/** A connection on which nothing came for so long is one that a server may let go of: memcached's shortest idle_timeout. */
const LET_GO_MS_MIN = 1000;

/**
 * One server as one thread sees it: a pipelined connection shared by all clients, the calls that wait for it, and its health.
 *
 * Calls are written as they come and answered in order. A connection counts as up when the server has answered `version` on it
 * (a stopped process still accepts connections). While the server is dead, calls fail at once; it is dialled again after a pause
 * that doubles and is spread by chance, so that many proxies do not dial as one. Calls wait for a dial only at the start and
 * after the loss of a connection that worked: then a restart costs them a moment instead of an error. A call for which this is the last
 * resort waits for any dial, and has one made if none is under way; at most one in `lastResortGapMs`, and after dials that
 * took long (a host that is off says nothing) so rarely that most calls are still refused at once.
 */
export class Destination implements ReplySink, LinkOwner, WriterOwner {
  /** Position in the configuration; -1: it is not there any more. */
  server: number;
  /** The address as typed. */
  readonly name: string;
  state = 0;
  readonly figures: DestinationFigures = new DestinationFigures();
  /** Calls that were written stand in front; without a connection all wait. */
  readonly queue: Ring<Call> = new Ring<Call>();

  #link: DestinationLink | null = null;
  readonly #probe: DestinationProbe;
  /** Calls wait for the dial that is under way; else they fail. */
  #patient = true;
  /** The server has closed an idle connection, and the dial that followed is not settled. */
  #hasLetGo = false;
  /** It is there, and has not let us in when it was dialled last. */
  isRefusing = false;
  readonly #notices: DestinationNotices;
  readonly #backoff: DestinationBackoff;
  #settings: RoutingSettings;
  #dialledAs: string;
  #group: HealthGroup;
  #dialledMs = 0;
  #probeDeadlineMs = 0;
  #askAgainMs = 0;
  #requestTimeoutMs: number;
  #onSettled: (() => void) | null = null;
  readonly #reader: DestinationReader;
  readonly #writer: CallWriter;
  readonly #calls: DestinationCalls;
  readonly #patience: AnswerPatience;
  readonly #stalled: StalledClient;
  #writesSoon = false;
  readonly #writeMore = (): void => {
    this.#writesSoon = false;
    if (this.state === DESTINATION.up && this.#link !== null) this.#write(this.#link);
  };
  readonly #host: DestinationHost;

  /**
   * @param server its position in the configuration
   * @param name the address as typed
   * @param settings times and bounds
   * @param group the servers among which it is one
   * @param dialledAs see Routing
   */
  constructor(
    server: number,
    name: string,
    host: DestinationHost,
    settings: RoutingSettings,
    group: HealthGroup,
    dialledAs: string,
  ) {
    this.server = server;
    this.name = name;
    this.#host = host;
    this.#settings = settings;
    this.#group = group;
    this.#dialledAs = dialledAs;
    this.#requestTimeoutMs = settings.requestTimeoutMs;
    this.#notices = new DestinationNotices(name, host);
    this.#backoff = new DestinationBackoff(settings, host.random, host.nowMs());
    this.#probe = new DestinationProbe(settings.twinAcks, settings.twinAckMsMax, () =>
      host.login(this.server),
    );
    this.#reader = new DestinationReader(this, host.calls);
    this.#writer = new CallWriter(this, settings.writeAheadBytes, (request) =>
      host.calls.requests.release(request),
    );
    this.#calls = new DestinationCalls(this, host.calls, this.#reader, this.#writer, this.#backoff);
    this.#patience = new AnswerPatience(this.queue, this.#reader, this.#writer, this.#probe);
    this.#stalled = new StalledClient(this.queue, this.#reader, host.calls.requests.figures);
  }

  /** Of all calls in the queue. */
  get queuedBytes(): number {
    return this.#calls.queuedBytes;
  }

  /** Whether it replicates by itself; null before the first probe. */
  get replicates(): boolean | null {
    return this.#probe.replicates;
  }

  /** Whether it has told which process it is, as caches do and proxies do not. */
  get isStock(): boolean {
    return this.#probe.pid > 0;
  }

  /** See ServerRecords. */
  get behindAt(): number {
    return this.server < 0 ? 0 : this.#host.records.behindAt(this.server);
  }

  /** See ServerRecords. */
  get emptiedAt(): number {
    return this.server < 0 ? 0 : this.#host.records.emptiedAt(this.server);
  }

  noteBehind(): void {
    if (this.server >= 0) this.#host.records.noteBehind(this.server);
  }

  /** What fails here is tried nowhere else. A proxy was told so when it was dialled. */
  noteLastPlace(isLast: boolean): void {
    const before = this.#probe.isLastPlace;
    this.#probe.isLastPlace = isLast && this.#settings.returnWaitMs > 0;
    if (this.#probe.isLastPlace !== before && this.#probe.answerMsMax > 0) this.#renew();
  }

  /** Longest time that a call waits here. */
  get answerMsMax(): number {
    return this.#requestTimeoutMs;
  }

  /** The configuration has changed, and this server is not in it any more: what waits is answered, and it is not dialled again. */
  retire(): void {
    this.server = -1;
  }

  /** Times in a row that it went down soon after it had come up. */
  get flaps(): number {
    return this.#backoff.flaps;
  }

  /** Times that it went down after it had come up. */
  get downs(): number {
    return this.#backoff.downs;
  }

  /** How long until it is dialled again by itself; 0 while it is not down. */
  get dialInMs(): number {
    const inMs = this.#backoff.dialAtMs - this.#host.nowMs();
    return this.state === DESTINATION.down && Number.isFinite(inMs) ? Math.max(0, Math.ceil(inMs)) : 0;
  }

  /** The servers among which it is one. */
  get group(): HealthGroup {
    return this.#group;
  }

  #isRetired(): boolean {
    return this.server < 0;
  }

  /**
   * The configuration has changed, and this server is in it still, at another place maybe.
   *
   * @param dialledAs see Routing
   */
  reconfigured(server: number, settings: RoutingSettings, group: HealthGroup, dialledAs: string): void {
    this.server = server;
    this.#settings = settings;
    this.#backoff.reconfigured(settings, this.#host.nowMs());
    if (group !== this.#group) {
      group.takeOver(this, this.#group);
      this.#group = group;
    }
    this.#setTimeout();
    if (dialledAs === this.#dialledAs) return;
    this.#dialledAs = dialledAs;
    this.#renew();
  }

  /** Its connection is of before: nothing more is written to it, and when nothing is owed there another one takes what waits. */
  #renew(): void {
    if (this.state === DESTINATION.idle) return;
    if (this.state === DESTINATION.up) {
      this.#writer.isHeld = true;
      this.#renewSettled();
    } else {
      // Nothing has been sent, or nothing is to come of it.
      const isPatient =
        this.#patient && (this.state === DESTINATION.connecting || this.state === DESTINATION.probing);
      this.#link?.connection.destroy();
      this.#link = null;
      this.#reader.connectionLost();
      this.#dial(isPatient);
    }
  }

  #renewSettled(): void {
    if (!this.#writer.isHeld || !this.#writer.isSettled || this.state !== DESTINATION.up) return;
    const link = this.#link;
    this.#dialAnew();
    link?.connection.destroy();
  }

  #setTimeout(): void {
    const { answerMsMax } = this.#probe;
    const needed = answerMsMax === 0 ? 0 : answerMsMax + AGENT_MARGIN_MS;
    this.#requestTimeoutMs = Math.max(this.#settings.requestTimeoutMs, needed);
  }

  /** Dials now, without a call. @param settled called once, when the server is up or known to be down */
  connect(settled: () => void): void {
    const { state } = this;
    if (state === DESTINATION.up || state === DESTINATION.down || state === DESTINATION.filling) settled();
    else {
      this.#onSettled = settled;
      if (this.state === DESTINATION.idle) this.#dial(true);
    }
  }

  /** Takes a call: sends it, keeps it until the connection is up, or fails it at once. */
  send(call: Call): void {
    const settings = this.#settings;
    if (this.state === DESTINATION.idle && !this.#isRetired()) this.#dial(true);
    if (call.request.isVoid) {
      failCall(call, FAILURE.connect);
      return;
    }
    if (!this.#takes(call)) {
      this.#countFailure(false);
      failCall(call, FAILURE.connect);
      return;
    }
    if (!this.#calls.hasRoom(call, settings)) {
      failCall(call, FAILURE.busy);
      return;
    }
    if (call.deadlineMs === 0) {
      call.sinceMs = this.#host.nowMs();
      call.deadlineMs = call.sinceMs + this.#requestTimeoutMs;
    }
    if (this.state === DESTINATION.up && this.#lacksVerbOf(call)) {
      this.#refuseVerb(call);
      return;
    }
    this.#calls.add(call);
    if (this.state === DESTINATION.up && this.#link !== null) this.#write(this.#link);
    this.#host.wake();
  }

  /** Whether a call is sent or may wait for a dial; one is made if it is the call's last chance. */
  #takes(call: Call): boolean {
    if (this.#isRetired() && this.state !== DESTINATION.up) return false;
    if (call.lastResort || (this.#group.failsOpen && this.state === DESTINATION.down)) {
      if (call.triedInVain.includes(this)) return false;
      if (this.state === DESTINATION.up) return true;
      if (this.#host.nowMs() < this.#backoff.lastResortAtMs) {
        call.passedOver = true;
        this.#backoff.giveHope(call);
        return false;
      }
      if (this.state === DESTINATION.down) this.#dial(false);
      if (this.state === DESTINATION.filling && this.#link !== null) this.#insist(this.#link);
      return true;
    }
    const { state } = this;
    const mayWait = state !== DESTINATION.down && state !== DESTINATION.filling && this.#patient;
    if (state === DESTINATION.up || mayWait) return true;
    call.passedOver = true;
    this.#backoff.giveHope(call);
    return false;
  }

  #write(link: DestinationLink): void {
    const { connection } = link;
    const isDone = this.#writer.write(connection.output);
    connection.flush();
    if (isDone || this.#writesSoon) return;
    this.#writesSoon = true;
    this.#host.soon(this.#writeMore);
  }

  /** Whether the server would do something else than the call wants: take its value for commands. */
  #lacksVerbOf({ request }: Call): boolean {
    return this.#probe.lacksMeta && request.verb === VERB.metaSet;
  }

  #refuseVerb(call: Call): void {
    call.refusal = REFUSED_META;
    failCall(call, FAILURE.refused);
  }

  callIsVoid(index: number): void {
    failCall(this.#calls.withdraw(index), FAILURE.connect);
  }

  callBegins(call: Call, bytes: number): void {
    // Silence counts from the moment when there is something to answer.
    if (this.queue.length === 1) this.#patience.heardMs = this.#host.nowMs();
    this.figures.asked(bytes, isRead(call.request.verb) ? call.keyCount : 0);
  }

  /** The server has taken what was written. */
  drained(link: DestinationLink): void {
    if (link !== this.#link || this.state !== DESTINATION.up) return;
    if (this.#writer.isPartWritten) this.#patience.movedMs = this.#host.nowMs();
    this.#write(link);
    this.#renewSettled();
  }

  shift(): Call {
    const call = this.#calls.dequeue();
    const nowMs = this.#host.nowMs();
    if (call.request.length > LARGE_BYTES) this.#patience.movedMs = nowMs;
    this.figures.answered(nowMs - call.sinceMs);
    return call;
  }

  refused(call: Call): void {
    if (!this.#host.calls.dropAnswered(call)) this.#calls.fail(call, call.failure);
  }

  #dial(patient: boolean): void {
    const settings = this.#settings;
    this.state = DESTINATION.connecting;
    this.#patient = patient;
    this.#dialledMs = this.#host.nowMs();
    this.#probeDeadlineMs = this.#dialledMs + settings.connectTimeoutMs;
    this.#host.dial(this.server, settings.connectTimeoutMs, (connection) => {
      const link = new DestinationLink(this, connection);
      this.#link = link;
      return link;
    });
    this.#host.wake();
  }

  /** The connection is established. */
  opened(link: DestinationLink): void {
    if (link !== this.#link) return;
    this.state = DESTINATION.probing;
    this.#reader.reset();
    this.#probe.begin(link.connection);
  }

  /** Bytes have come. @returns the index of the first byte not consumed */
  feed(link: DestinationLink, input: Uint8Array, start: number, end: number): number {
    if (link !== this.#link) return end;
    this.#patience.heardMs = this.#host.nowMs();
    let at = start;
    while (this.state === DESTINATION.probing && at < end) {
      const outcome = this.#probe.take(input, at, end, link.connection);
      if (outcome === PROBED.incomplete) return at;
      at = this.#probe.next;
      if (outcome === PROBED.garbled) this.#ended(FAILURE.garbled, 'it does not answer as a memcached does');
      else if (outcome === PROBED.keptOut) this.#keptOut();
      else this.#probed(outcome, link);
      if (link !== this.#link) return end;
    }
    if (at === end || link !== this.#link) return end;
    const after = this.#reader.read(input, at, end);
    if (this.#reader.streaming) this.#patience.movedMs = this.#patience.heardMs;
    this.figures.received(after > at ? after - at : 0, this.#reader.takeFound());
    if (after < 0) {
      this.#ended(FAILURE.garbled, 'it sent what is no answer');
      return end;
    }
    if (this.#reader.paused && this.#link === link) {
      this.#stalled.began(this.#patience.heardMs);
      link.connection.pause();
      this.#host.wake();
    }
    if (this.#writer.isHeld && link === this.#link) this.#renewSettled();
    return after;
  }

  /** It is there, and does not let us in. */
  #keptOut(): void {
    this.figures.keptOut();
    this.#ended(FAILURE.garbled, this.#probe.whyKeptOut, TROUBLE.login);
  }

  #probed(outcome: number, link: DestinationLink): void {
    if (outcome === PROBED.asking) return;
    const { pid, startedSeconds } = this.#probe;
    const { records } = this.#host;
    if (pid > 0 && this.server >= 0 && records.identify(this.server, pid, startedSeconds))
      records.noteEmptied(this.server);
    this.#setTimeout();
    if (outcome === PROBED.ready) this.#up(link);
    else this.#fill(link);
  }

  /** The server lacks what its twin has: others are asked meanwhile, and it is asked again soon whether it has it now. */
  #fill(link: DestinationLink): void {
    this.state = DESTINATION.filling;
    this.isRefusing = false;
    this.#backoff.isFilling();
    for (let index = 0; index < this.queue.length; index++)
      if (this.queue.at(index)!.lastResort) {
        this.#insist(link);
        return;
      }
    this.#askAgainMs = this.#host.nowMs() + this.#settings.fillingMs;
    for (let waiting = this.queue.length; waiting > 0; waiting--) {
      const call = this.#calls.dequeue();
      // It has not been waited for in vain: if there is nobody else, better this one than none.
      call.passedOver = true;
      failCall(call, FAILURE.connect);
    }
    this.#settled();
    this.#host.wake();
    this.#host.mayServe();
  }

  #askAgain(link: DestinationLink, nowMs: number): void {
    this.state = DESTINATION.probing;
    this.#patient = false;
    this.#probeDeadlineMs = nowMs + this.#settings.connectTimeoutMs;
    this.#probe.again(link.connection);
  }

  /** A call has nobody else: the server is used though it lacks something. */
  #insist(link: DestinationLink): void {
    this.state = DESTINATION.probing;
    this.#probeDeadlineMs = this.#host.nowMs() + this.#settings.connectTimeoutMs;
    if (this.#probe.insist(link.connection) === PROBED.ready) this.#up(link);
  }

  #up(link: DestinationLink): void {
    this.state = DESTINATION.up;
    this.#hasLetGo = false;
    this.#backoff.cameUp(this.#host.nowMs());
    this.figures.cameUp();
    this.#group.cameUp(this);
    this.#notices.up();
    this.isRefusing = false;
    this.#writer.reset();
    for (let index = 0; index < this.queue.length; index++)
      if (this.#lacksVerbOf(this.queue.at(index)!)) this.#refuseVerb(this.#calls.withdraw(index--));
    this.#write(link);
    this.#patience.heardMs = this.#host.nowMs();
    this.#patience.movedMs = 0;
    this.#settled();
    this.#host.cameUp();
  }

  #settled(): void {
    const settled = this.#onSettled;
    this.#onSettled = null;
    settled?.();
  }

  /** The connection has ended by itself. */
  closed(link: DestinationLink, error: ConnectionError | null): void {
    if (link !== this.#link) return;
    const probe = this.#probe;
    if (
      this.state === DESTINATION.probing &&
      probe.awaitsDetails &&
      probe.asksDetails &&
      !this.#isRetired()
    ) {
      // Not a dead server, only one that hangs up on strange questions, as twemproxy does.
      probe.asksDetails = false;
      this.#link = null;
      this.#dial(this.#patient);
      return;
    }
    if (this.#isRetired() && this.queue.length === 0) {
      // It may well be stopped by now.
      this.close();
    } else if (this.#isLetGo(error)) {
      this.figures.letGo();
      this.#dialAnew();
    } else
      this.#ended(
        FAILURE.reset,
        error?.message ?? CLOSED,
        error?.code === TLS_CODE ? TROUBLE.tls : TROUBLE.none,
      );
  }

  /** The server has closed, in good order, a connection that nobody used for a while, as memcached's idle_timeout does: that is no sign of trouble. */
  #isLetGo(error: ConnectionError | null): boolean {
    const isIdle = this.queue.length === 0 && this.#host.nowMs() - this.#patience.heardMs >= LET_GO_MS_MIN;
    return error === null && isIdle && this.state === DESTINATION.up && !this.#isRetired();
  }

  /** Another connection in the place of one on which nothing is owed. Should the server turn out not to be there, it went down just now. */
  #dialAnew(): void {
    this.#link = null;
    this.#hasLetGo = true;
    this.#reader.connectionLost();
    this.#writer.reset();
    this.#dial(true);
  }

  /** The connection is of no use any more. */
  #ended(failure: Failure, reason: string, trouble: number = TROUBLE.none): void {
    this.isRefusing = trouble === TROUBLE.login;
    const link = this.#link;
    const wasUp = this.state === DESTINATION.up;
    const wentDown = wasUp || this.#hasLetGo;
    this.#link = null;
    this.#hasLetGo = false;
    this.figures.lost(failure, reason === CLOSED);
    const waiting = this.queue.length;
    this.#countFailure(!wentDown && waiting === 0);
    const undone = link === null ? waiting : this.#writer.undone(link.connection.output);
    if (link !== null) giveUp(link.connection);
    this.#reader.connectionLost();
    this.#writer.reset();
    const nowMs = this.#host.nowMs();
    if (waiting > 0 || this.#host.isWaitedFor)
      this.#backoff.waitedInVain(nowMs, wasUp ? 0 : nowMs - this.#dialledMs);
    // A working connection that the server closed is most often a restart: dial at once, and let calls wait for it.
    if (wentDown) this.#backoff.wentDown(nowMs);
    const isWorthADial = !this.#isRetired() && !this.#backoff.isFlapping;
    if (wasUp && failure === FAILURE.reset && isWorthADial) this.#dial(true);
    else this.#backOff(reason, trouble !== TROUBLE.none);
    for (let left = waiting; left > 0; left--)
      this.#calls.lost(this.#calls.dequeue(), wasUp ? failure : FAILURE.connect, left > undone);
    if (this.state === DESTINATION.down) this.#settled();
  }

  #countFailure(isOnlyDial: boolean): void {
    this.figures.failed(isOnlyDial);
    this.#host.noteFailure();
  }

  #backOff(reason: string, isWarning: boolean): void {
    this.state = DESTINATION.down;
    this.#backoff.dialFailed(this.#host.nowMs());
    this.#group.wentDown(this);
    this.#notices.down(reason, isWarning);
    this.#host.wake();
  }

  /** Looks after deadlines and back-offs. @returns whether there is anything to look after */
  tick(nowMs: number): boolean {
    switch (this.state) {
      case DESTINATION.idle:
        return false;
      case DESTINATION.down:
        if (this.#isRetired()) return false;
        if (this.#backoff.isDue(nowMs, this.#host.isWaitedFor)) this.#dial(false);
        return true;
      case DESTINATION.filling:
        if (nowMs >= this.#askAgainMs && this.#link !== null) this.#askAgain(this.#link, nowMs);
        return true;
      case DESTINATION.up:
        if (this.#reader.paused) this.#tickPaused(nowMs);
        if (this.#link !== null) this.#checkDeadlines(this.#link, nowMs);
        return this.state !== DESTINATION.up || this.queue.length > 0;
      default:
        if (nowMs >= this.#probeDeadlineMs) this.#ended(FAILURE.timeout, 'no answer in time');
        else this.#calls.failOverdueWaiting(nowMs);
        return true;
    }
  }

  #tickPaused(nowMs: number): void {
    if (!this.#stalled.isOver(nowMs, this.#settings.clientStallMs)) return;
    this.#patience.heardMs = this.#patience.movedMs = nowMs;
    this.#link?.connection.resume();
  }

  #checkDeadlines(link: DestinationLink, nowMs: number): void {
    switch (this.#patience.judge(nowMs, this.#requestTimeoutMs, link.connection)) {
      case PATIENCE.isSilent:
        this.#ended(FAILURE.timeout, 'no answer in time');
        break;
      case PATIENCE.isLateWrite:
        this.#ended(FAILURE.timeout, 'no answer to a write in time');
        break;
      case PATIENCE.isLate:
        this.#calls.detachOverdue(nowMs);
        break;
    }
  }

  /** Closes the connection for good; what waits fails. */
  close(): void {
    const link = this.#link;
    this.#link = null;
    this.state = DESTINATION.down;
    this.#backoff.dialAtMs = Number.POSITIVE_INFINITY;
    const undone = link === null ? this.queue.length : this.#writer.undone(link.connection.output);
    link?.connection.destroy();
    this.#reader.connectionLost();
    this.#writer.reset();
    for (let waiting = this.queue.length; waiting > 0; waiting--)
      this.#calls.lost(this.#calls.dequeue(), FAILURE.connect, waiting > undone);
    this.#settled();
  }
}
