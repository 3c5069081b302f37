/** `output` is what a child wrote itself; the others are the monitor's words. */
export type EventLevel = 'info' | 'warning' | 'error' | 'output';

export interface LogEvent {
  /** Grows by one per event, from 1; tells a reader what it has already seen. */
  readonly sequence: number;
  /** Wall clock, milliseconds since 1970. */
  readonly atMs: number;
  /** The service's name; '' for the cluster as a whole. */
  readonly service: string;
  readonly level: EventLevel;
  readonly text: string;
}

/** Longest text of one event; the rest is cut, so that a child cannot fill the memory with one line. */
export const EVENT_TEXT_LENGTH_MAX = 500;

/** Lines of output have numbers, too, and are not among what a log before this one has left. */
const SEQUENCE_GAP = 1_000_000;

/**
 * The last events, bounded. What children print is kept apart from the monitor's own events: a chatty child must not
 * push out the line that says that its twin died.
 */
export class EventLog {
  readonly #eventsMax: number;
  readonly #own: LogEvent[] = [];
  readonly #output: LogEvent[] = [];
  #sequence = 0;

  /**
   * @param eventsMax how many events of each sort (own, output) are kept
   * @param earlier own events of a log before this one, oldest first; numbers go on behind all that it may have given
   */
  constructor(eventsMax = 500, earlier: readonly LogEvent[] = []) {
    this.#eventsMax = eventsMax;
    this.#own.push(...earlier.slice(-eventsMax));
    const last = earlier.at(-1);
    if (last !== undefined) this.#sequence = last.sequence + SEQUENCE_GAP;
  }

  /** The sequence number of the newest event, 0 when there was none. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Adds an event; the oldest of its sort makes room when the log is full. */
  add(atMs: number, service: string, level: EventLevel, text: string): LogEvent {
    const cut = text.length > EVENT_TEXT_LENGTH_MAX ? `${text.slice(0, EVENT_TEXT_LENGTH_MAX - 1)}…` : text;
    this.#sequence += 1;
    const event: LogEvent = { sequence: this.#sequence, atMs, service, level, text: cut };
    const ring = level === 'output' ? this.#output : this.#own;
    ring.push(event);
    if (ring.length > this.#eventsMax) ring.shift();
    return event;
  }

  /** What is kept of both sorts that is newer than `sequence`, oldest first. */
  after(sequence: number): readonly LogEvent[] {
    return [...this.#own, ...this.#output]
      .filter((event) => event.sequence > sequence)
      .sort((one, other) => one.sequence - other.sequence);
  }

  /** The newest `count` events of the monitor itself, oldest first. */
  newestOwn(count: number): readonly LogEvent[] {
    return this.#own.slice(Math.max(0, this.#own.length - count));
  }

  /** The newest `count` lines that services printed, oldest first. */
  newestOutput(count: number): readonly LogEvent[] {
    return this.#output.slice(Math.max(0, this.#output.length - count));
  }
}
