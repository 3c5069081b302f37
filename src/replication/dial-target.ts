/** A peer that is dialled (`-x`), and what came of it. */
import type { Random } from '../base/random.ts';
import type { Link } from './link.ts';
import { RetryPause } from './retry-pause.ts';

export interface Target {
  readonly addresses: readonly string[];
  link: Link | null;
  /** When it is dialled again. */
  readonly retry: RetryPause;
  nextAddress: number;
  /** The last attempt led nowhere. */
  failed: boolean;
  /** It was there, and has as many twins as there can be without this node. */
  isFull: boolean;
  /** An attempt has come to an end. */
  wasTried: boolean;
  /** The node found there; '' while unknown. */
  nodeId: string;
  /** Those that were found there before it, the last ones. */
  formerIds: readonly string[];
}

const FORMER_IDS_MAX = 8;

/** @param addresses of one peer, as text with their ports; they are tried in turn */
export function newTarget(addresses: readonly string[], random: Random): Target {
  return {
    addresses,
    link: null,
    retry: new RetryPause(random),
    nextAddress: 0,
    failed: false,
    isFull: false,
    wasTried: false,
    nodeId: '',
    formerIds: [],
  };
}

/** A node has been found there. */
export function noteFound(target: Target, nodeId: string): void {
  if (target.nodeId === nodeId) return;
  if (target.nodeId !== '') target.formerIds = [...target.formerIds, target.nodeId].slice(-FORMER_IDS_MAX);
  target.nodeId = nodeId;
}

/** What stands for the id of a node that may be there and has not been met. */
export function unmet({ addresses }: Target): string {
  return `unmet ${addresses[0] ?? ''}`;
}

/** The host of an address with its port. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}

/** Address and port of the peer without the kind of the socket. */
export function remoteText(link: Link): string {
  return link.connection.remote.replace(/^tcp6?:/, '');
}

export function remoteHostOf(link: Link): string {
  return hostOf(remoteText(link));
}
