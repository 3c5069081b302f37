import type { ClientManner } from './client-manner.ts';
import type { Request } from './request.ts';
import type { RequestOwner } from './request-owner.ts';
import type { RequestPool } from './request-pool.ts';

/** The session that the front is part of. */
export interface BinaryHost extends RequestOwner {
  readonly requests: RequestPool;
  readonly valueBytesMax: number;
  /** The client's oldest unanswered request. */
  readonly oldest: Request | undefined;
  /** Sends a request on. */
  submit(request: Request): void;
  /** What becomes of a flush; see ClientManner. */
  readonly flush: ClientManner['flush'];
  /** Sends a request to all servers. */
  submitEverywhere(request: Request): void;
  /** Appends so many bytes of input, and a line end, to the request, and sends it on then. */
  collect(request: Request, valueBytes: number): void;
  /** Drops so many bytes of input. */
  swallow(count: number): void;
  /** Answers when it is the request's turn. The bytes are the callee's from then on. */
  answer(reply: Uint8Array): void;
  /** Takes nothing more; the connection ends when what is owed has been sent. */
  close(): void;
  destroy(): void;
  /** Answers with the lines that the proxy says to `stats`, when they are known. */
  answerStatistics(words: string, encode: (text: string) => Uint8Array): void;
  readonly version: string;
}
