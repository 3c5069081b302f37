import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { DatagramSession, DatagramSocket } from '../base/datagram.ts';
import { PENDING_BYTES_MAX } from '../base/limits.ts';
import type { ConnectionError } from '../base/session.ts';
import { formatPeer } from './addresses.ts';
import { addPending, FIGURE } from './figures.ts';
import type { DatagramSessionFactory, Listener, ListenOptions, SocketAddress } from './loop.ts';
import type { PortableCore } from './portable-connection.ts';
import { errorOfName } from './system-errors.ts';

/** A socket of node:dgram. What comes while it is on hold or pauses is lost, as datagrams may be. */
export class PortableDatagrams implements Listener, DatagramSocket {
  readonly takesDatagrams = true;
  readonly descriptor: number;
  readonly #core: PortableCore;
  readonly #options: ListenOptions;
  readonly #onClose: () => void;
  readonly #socket: Socket;
  readonly #session: DatagramSession;
  #address: SocketAddress;
  #peer: RemoteInfo | null = null;
  #pendingBytes = 0;
  #isOpen: boolean;
  #isClosed = false;

  constructor(
    core: PortableCore,
    options: ListenOptions,
    descriptor: number,
    factory: DatagramSessionFactory,
    onClose: () => void,
  ) {
    this.#core = core;
    this.#options = options;
    this.descriptor = descriptor;
    this.#onClose = onClose;
    this.#address = options.address;
    this.#isOpen = !options.hold;
    const type = options.address.family === 'ipv6' ? 'udp6' : 'udp4';
    this.#socket = createSocket({ type, ipv6Only: type === 'udp6' });
    this.#session = factory(this);
  }

  get address(): SocketAddress {
    return this.#address;
  }

  get remote(): string {
    const peer = this.#peer;
    if (peer === null) return 'udp';
    const family = peer.family === 'IPv6' ? 'ipv6' : 'ipv4';
    return formatPeer({ family, host: peer.address, port: peer.port }, 'udp');
  }

  laterReply(): (datagram: Uint8Array) => void {
    const peer = this.#peer;
    return (datagram) => {
      if (this.#isClosed || peer === null) return;
      if (this.#mayReply(peer)) this.#send(datagram, peer);
      else this.noteDropped();
    };
  }

  noteDropped(): void {
    this.#core.figures[FIGURE.datagramsDropped]!++;
  }

  /** Binds. @param done called once */
  start(done: (error: ConnectionError | null) => void): void {
    const { address } = this.#options;
    const socket = this.#socket;
    const failed = (error: Error): void => {
      socket.close();
      done(errorOfName('code' in error ? String(error.code) : 'EINVAL'));
    };
    if (address.family === 'unix') {
      failed(new Error('datagrams need a network address'));
      return;
    }
    socket.once('error', failed);
    socket.once('listening', () => {
      socket.off('error', failed);
      // Failures to send: the datagram is lost.
      socket.on('error', () => {});
      this.#address = { ...address, port: socket.address().port };
      done(null);
    });
    socket.on('message', (bytes, peer) => this.#received(bytes, peer));
    socket.bind({ address: address.host, port: address.port, exclusive: true });
  }

  open(): ConnectionError | null {
    this.#isOpen = true;
    return null;
  }

  pause(): void {
    this.#isOpen = false;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isOpen = false;
    this.#socket.close();
    addPending(this.#core.figures, -this.#pendingBytes);
    this.#onClose();
  }

  #received(bytes: Buffer, peer: RemoteInfo): void {
    if (!this.#isOpen) return;
    const { figures } = this.#core;
    this.#core.enter();
    figures[FIGURE.bytesRead]! += bytes.length;
    figures[FIGURE.datagrams]!++;
    this.#peer = peer;
    if (!this.#session.received(bytes, 0, bytes.length)) return;
    if (!this.#mayReply(peer)) {
      this.noteDropped();
      return;
    }
    const session = this.#session;
    do this.#send(session.answer.subarray(session.partStart, session.partEnd), peer);
    while (session.nextPart());
  }

  /**
   * The socket keeps what the kernel does not take; it does not say when it is time to stop. And it throws for port 0, which is nobody's, but which anybody can write into a
   * datagram.
   */
  #mayReply(peer: RemoteInfo): boolean {
    return this.#pendingBytes <= PENDING_BYTES_MAX && peer.port !== 0;
  }

  #send(datagram: Uint8Array, peer: RemoteInfo): void {
    const { figures } = this.#core;
    const count = datagram.length;
    this.#pendingBytes += count;
    addPending(figures, count);
    this.#socket.send(Buffer.from(datagram), peer.port, peer.address, (error) => {
      if (this.#isClosed) return;
      this.#pendingBytes -= count;
      addPending(figures, -count);
      if (error === null) figures[FIGURE.bytesWritten]! += count;
    });
  }
}
