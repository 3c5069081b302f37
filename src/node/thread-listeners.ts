import type { ConnectionError } from '../base/session.ts';
import type { Listener, Loop, SocketAddress } from '../net/loop.ts';
import type { TlsCertificates, TlsListening } from '../net/tls-server.ts';
import type { BoundAddress } from './thread-messages.ts';

/** Somewhere to listen. */
export interface WantedListener {
  readonly address: SocketAddress;
  readonly transport: 'tcp' | 'udp';
  readonly tls?: TlsListening;
  /** How many addresses there are of its kind. */
  readonly all: number;
}

/** What a thread's listeners are for, and who is told what becomes of them. */
export interface ListenersOwner {
  readonly loop: Loop;
  /** The loop's numbers of what serves clients and datagrams. */
  readonly services: Readonly<Record<'tcp' | 'udp', number>>;
  /** Of connections that may wait to be accepted. */
  readonly backlog: number;
  /** A client has been accepted; absent where others accept. */
  readonly onAccepted?: () => void;
  /** All are bound, and none is open yet: what clients will be able to connect to. */
  readonly onBound: (addresses: readonly BoundAddress[]) => void;
  /** One cannot be had; called once. */
  readonly onRefused: (message: string) => void;
}

/**
 * The ports of a thread: bound first, so that a port that is taken is told of at once, and opened when clients may come in, which is later where there are twins.
 */
export class ThreadListeners {
  readonly all: Listener[] = [];
  /** Those of them that accept clients; the others take datagrams. */
  readonly ofClients: Listener[] = [];
  readonly #addresses: BoundAddress[] = [];
  readonly #owner: ListenersOwner;
  #unsettled = 0;
  #isRefused = false;

  constructor(owner: ListenersOwner) {
    this.#owner = owner;
  }

  bind(wanted: readonly WantedListener[]): void {
    this.#unsettled = wanted.length;
    for (const one of wanted) this.#bind(one);
    if (wanted.length === 0) this.#bound();
  }

  #bind({ address, transport, tls, all }: WantedListener): void {
    const { loop, services, backlog, onAccepted } = this.#owner;
    const options = {
      address,
      backlog,
      spread: true,
      hold: true,
      ...(onAccepted === undefined ? {} : { onAccepted }),
      ...(tls === undefined ? {} : { tls }),
    };
    const done = (outcome: Listener | ConnectionError): void => {
      if ('code' in outcome) {
        if (isMissingFamily(outcome, address, all)) this.#settled();
        else this.#refuse(address, transport, outcome);
        return;
      }
      this.all.push(outcome);
      if (transport === 'tcp') this.ofClients.push(outcome);
      this.#addresses.push({
        transport: address.family === 'unix' ? 'unix' : transport,
        tls: tls !== undefined,
        address: outcome.address,
      });
      this.#settled();
    };
    if (transport === 'udp') loop.listenForDatagrams(options, services.udp, done);
    else loop.listen(options, services.tcp, done);
  }

  #settled(): void {
    this.#unsettled--;
    if (this.#unsettled === 0) this.#bound();
  }

  #bound(): void {
    // Ports are bound in any order, but are told in that of the options.
    const isUdp = ({ transport }: BoundAddress): number => (transport === 'udp' ? 1 : 0);
    this.#owner.onBound(this.#addresses.sort((one, other) => isUdp(one) - isUdp(other)));
  }

  /** Lets clients in. @param onOpen is told of each. @returns false when a port cannot be opened, which has been told */
  open(onOpen: (listener: Listener) => void): boolean {
    for (const listener of this.all) {
      const error = listener.open();
      if (error !== null) {
        this.#refuse(listener.address, listener.takesDatagrams ? 'udp' : 'tcp', error);
        return false;
      }
      onOpen(listener);
    }
    return true;
  }

  close(): void {
    for (const listener of this.all) listener.close();
  }

  useCertificates(certificates: TlsCertificates): void {
    for (const listener of this.all) listener.useCertificates?.(certificates);
  }

  #refuse(address: SocketAddress, transport: 'tcp' | 'udp', error: ConnectionError): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    const where =
      address.family === 'unix'
        ? `unix socket ${address.path}`
        : `${transport.toUpperCase()} port ${address.port}`;
    this.#owner.onRefused(`failed to listen on ${where}: ${error.message}`);
  }
}

/** Without IPv6 in the kernel, "every interface" is every IPv4 interface. */
function isMissingFamily(error: ConnectionError, address: SocketAddress, all: number): boolean {
  return (
    address.family === 'ipv6' &&
    address.host === '::' &&
    all > 1 &&
    (error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL')
  );
}
