import type { ConnectionError } from '../base/session.ts';

/** What a kernel says of a connection through which nothing comes any more. */
const UNREACHABLE: ReadonlySet<string> = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN']);

/** How a link came to its end, or did not come about. */
export class LinkEnding {
  /** TLS has ended it. */
  isByTls = false;
  /** Nothing came from the other side any more. */
  isSilence = false;
  /** The other side was there, and took nothing. */
  isStuck = false;
  /** One of the two has given the link up without being asked to, and said so or meant to: both go on, and their clients with them. */
  isParted = false;
  /** It was this one, and that is already known of where the links are kept together. */
  isGivenUp = false;
  /** What became of the attempt says nothing of the other side: this process stood still meanwhile, or was taken for a repcached. */
  isVoid = false;
  /** Nobody listens there. */
  isRefusal = false;
  /** One of the two has as many twins as there can be, without the other. */
  isSurplus = false;
  /** It is the other one that has: this node is one too many. */
  isOneTooMany = false;

  /** For all that is known the other side goes on, and may be told what this one does not hear of. */
  get livesOn(): boolean {
    return this.isSilence || this.isParted;
  }

  /** @param wasDialling the connection was not there yet */
  note({ code }: ConnectionError, wasDialling: boolean): void {
    if (code === 'EPROTO') this.isByTls = true;
    if (UNREACHABLE.has(code)) this.isSilence = true;
    if (wasDialling && code === 'ECONNREFUSED') this.isRefusal = true;
  }
}
