/** The places where a node dials its twins, and what it knows of each. */
import type { Random } from '../base/random.ts';
import type { Link } from './link.ts';
import { RetryPause } from './retry-pause.ts';

export interface DialTarget {
  readonly addresses: readonly string[];
  /** That has been dialled there; null: none is being made or open. */
  link: Link | null;
  /** When it is dialled again. */
  readonly retry: RetryPause;
  nextAddress: number;
  /** The last attempt led nowhere. */
  failed: boolean;
  /** It was there, and has as many twins as there can be without this node. */
  isFull: boolean;
  /** The node found there; '' while unknown. */
  nodeId: string;
  /** Where the last dial went; '' before the first. */
  host: string;
}

/** @param addresses as text (`127.0.0.1:11212`); they are tried in turn */
export function dialTarget(addresses: readonly string[], random: Random): DialTarget {
  return {
    addresses,
    link: null,
    retry: new RetryPause(random),
    nextAddress: 0,
    failed: false,
    isFull: false,
    nodeId: '',
    host: '',
  };
}

/** What stands for the id of a node that has never been met. */
export function unmet({ addresses }: DialTarget): string {
  return `unmet ${addresses[0] ?? ''}`;
}

/** The address of the peer without its port. */
export function hostOf(link: Link): string {
  const text = remoteText(link);
  return text.slice(0, text.lastIndexOf(':'));
}

/** Address and port of the peer without the kind of the socket. */
export function remoteText(link: Link): string {
  return link.connection.remote.replace(/^tcp6?:/, '');
}
