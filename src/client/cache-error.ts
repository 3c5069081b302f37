/** Why a request of a client's was not done, or why it is not known whether it was. */
export class CacheError extends Error {
  override readonly name = 'CacheError';
  /**
   * `refused`: the server said so, and nothing has changed; `lost`: no connection, no answer in time, or an answer that is none. A
   * write may have been done then; `busy`: it was not sent, because too much is waiting.
   */
  readonly kind: 'refused' | 'lost' | 'busy';

  /** @param message begins with the server's address */
  constructor(kind: CacheError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}
