import type { Connection } from '../base/session.ts';

/** A reply that comes later, or in parts as the client reads. While a session holds one, it takes no further request. */
export interface LongReply {
  /** The client has taken what was written before, so more may be. */
  drained(): void;
  /** The client has gone: nothing more is to be written, and what was claimed is to be given back. */
  closed(): void;
  /** True for a reply without an end: the client has no further say, and what it sends is dropped. */
  readonly isEndless: boolean;
  /** What `stats conns` says of the connection meanwhile, in memcached's words. */
  readonly state: string;
}

/** A session that can hold a reply. */
export interface LongReplyHost {
  readonly connection: Connection;
  /** Takes no further request until `release`. */
  hold(reply: LongReply): void;
  /** The reply is complete: has it sent, and goes on with the next request. May be called within the call that began it, too. */
  release(): void;
}

/**
 * Answers when an answer has come from elsewhere.
 *
 * @param host the session that asks
 * @param ask called at once, with a function that takes the answer, now or later; when the client has gone meanwhile it does nothing
 * @param write writes the answer to the connection's output
 */
export function replyLater<Answer>(
  host: LongReplyHost,
  ask: (answered: (answer: Answer) => void) => void,
  write: (answer: Answer) => void,
): void {
  let isWaiting = true;
  host.hold({
    isEndless: false,
    state: 'conn_parse_cmd',
    drained: () => {},
    closed: () => {
      isWaiting = false;
    },
  });
  ask((answer) => {
    if (!isWaiting) return;
    isWaiting = false;
    write(answer);
    host.release();
  });
}
