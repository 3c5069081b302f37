import type { DatagramSession, DatagramSocket } from '../base/datagram.ts';
import type { ConnectionError } from '../base/session.ts';
import { formatPeer } from './addresses.ts';
import { FIGURE } from './figures.ts';
import { LINUX } from './libc.ts';
import type { DatagramSessionFactory, Listener, SocketAddress } from './loop.ts';
import type { EventHandler, ReactorCore } from './reactor-connection.ts';
import { ERRNO } from './system-errors.ts';

/** Most datagrams taken in one turn, and most of an answer sent, so that a flood of them does not starve the connections. */
const RECEIVED_PER_TURN = 32;
const SENT_PER_TURN = 128;

/** No datagram over UDP is longer. */
const DATAGRAM_BYTES_MAX = 65536;

/** Room for a sockaddr_in6, then its length. */
const PEER_BYTES = 28;

/** The reactor as its sockets for datagrams see it. */
export interface DatagramCore extends ReactorCore {
  /** The socket is open: the other data threads may take its datagrams, too. */
  shareDatagrams(socket: ReactorDatagrams): void;
  forgetDatagrams(socket: ReactorDatagrams): void;
}

/**
 * A socket for datagrams, as one thread has it; each thread has a descriptor of its own for the one socket. It is watched for datagrams or,
 * while an answer is not sent whole, for room only: nothing more is taken before, so one answer at most is kept.
 */
export class ReactorDatagrams implements Listener, DatagramSocket, EventHandler {
  readonly takesDatagrams = true;
  readonly address: SocketAddress;
  readonly descriptor: number;
  readonly service: number;
  /** Whether other threads are to have it when it opens. */
  readonly spread: boolean;
  readonly #core: DatagramCore;
  readonly #session: DatagramSession;
  readonly #peer: Uint8Array = new Uint8Array(new ArrayBuffer(PEER_BYTES + 4));
  readonly #peerLength: Int32Array = new Int32Array(this.#peer.buffer, PEER_BYTES, 1);
  readonly #peerAddress: bigint;
  readonly #peerLengthAddress: bigint;
  /** The array of the last answer, and where it lies. */
  #answer: Uint8Array | null = null;
  #answerAddress = 0n;
  #isAnswering = false;
  #isOpen = false;
  #isShared = false;
  #isClosed = false;
  #sentThisTurn = 0;

  constructor(
    core: DatagramCore,
    descriptor: number,
    service: number,
    spread: boolean,
    factory: DatagramSessionFactory,
  ) {
    this.#core = core;
    this.descriptor = descriptor;
    this.service = service;
    this.spread = spread;
    this.address = core.sockets.localAddress(descriptor) ?? { family: 'ipv4', host: '0.0.0.0', port: 0 };
    this.#peerAddress = core.libc.addressOf(this.#peer);
    this.#peerLengthAddress = this.#peerAddress + BigInt(PEER_BYTES);
    this.#session = factory(this);
  }

  get remote(): string {
    const address = this.#core.sockets.decode(this.#peer.subarray(0, PEER_BYTES));
    return address === null ? 'udp' : formatPeer(address, 'udp');
  }

  laterReply(): (datagram: Uint8Array) => void {
    const { libc, figures } = this.#core;
    const peerBytes = this.#peerLength[0]!;
    const peer = steady(this.#peer.subarray(0, peerBytes));
    return (datagram) => {
      const bytes = steady(datagram);
      if (this.#isClosed) return;
      const { addressOf } = libc;
      const sent = libc.sendto(
        this.descriptor,
        addressOf(bytes),
        bytes.length,
        LINUX.MSG_NOSIGNAL,
        addressOf(peer),
        peerBytes,
      );
      if (sent < 0) this.noteDropped();
      else figures[FIGURE.bytesWritten]! += sent;
    };
  }

  noteDropped(): void {
    this.#core.figures[FIGURE.datagramsDropped]!++;
  }

  open(): ConnectionError | null {
    if (this.#isClosed || this.#isOpen) return null;
    const error = this.#watch(LINUX.EPOLL_CTL_ADD);
    this.#isOpen = error === null;
    if (error === null && this.spread && !this.#isShared) {
      this.#isShared = true;
      this.#core.shareDatagrams(this);
    }
    return error;
  }

  pause(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#core.watch(LINUX.EPOLL_CTL_DEL, this.descriptor, 0);
  }

  close(): void {
    if (this.#isClosed) return;
    this.pause();
    this.#isClosed = true;
    this.#core.forgetDatagrams(this);
    this.#core.libc.close(this.descriptor);
  }

  handle(): void {
    if (!this.#isOpen) return;
    this.#sentThisTurn = 0;
    const wasAnswering = this.#isAnswering;
    if (wasAnswering) this.#send();
    for (let i = 0; i < RECEIVED_PER_TURN && !this.#isAnswering && this.#receive(); i++);
    if (this.#isAnswering !== wasAnswering) this.#watchAnew();
  }

  /** @returns false when there is nothing to receive */
  #receive(): boolean {
    const { libc, pool, figures } = this.#core;
    const { bytes, receiveStart, receiveAddress } = pool;
    this.#peerLength[0] = PEER_BYTES;
    const count = libc.recvfrom(
      this.descriptor,
      receiveAddress,
      DATAGRAM_BYTES_MAX,
      0,
      this.#peerAddress,
      this.#peerLengthAddress,
    );
    // Anything but "nothing there" is about an earlier datagram that could not be delivered; the next event comes if there is more.
    if (count < 0) return false;
    figures[FIGURE.bytesRead]! += count;
    figures[FIGURE.datagrams]!++;
    if (this.#session.received(bytes, receiveStart, receiveStart + count)) {
      const { answer } = this.#session;
      if (answer !== this.#answer) {
        this.#answer = answer;
        this.#answerAddress = libc.addressOf(answer);
      }
      this.#isAnswering = true;
      this.#send();
    }
    return true;
  }

  /** Sends parts of the answer until all are sent, the kernel takes no more, or it is the others' turn. */
  #send(): void {
    const { libc, figures } = this.#core;
    const session = this.#session;
    while (this.#sentThisTurn < SENT_PER_TURN) {
      this.#sentThisTurn++;
      const { partStart, partEnd } = session;
      const address = partStart === 0 ? this.#answerAddress : this.#answerAddress + BigInt(partStart);
      const sent = libc.sendto(
        this.descriptor,
        address,
        partEnd - partStart,
        LINUX.MSG_NOSIGNAL,
        this.#peerAddress,
        this.#peerLength[0]!,
      );
      if (sent < 0) {
        const errno = libc.errno();
        if (errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) return;
        // There is no way to this peer: the rest would be lost, too.
        this.noteDropped();
        this.#isAnswering = false;
        return;
      }
      figures[FIGURE.bytesWritten]! += sent;
      if (!session.nextPart()) {
        this.#isAnswering = false;
        return;
      }
    }
  }

  #watch(operation: number): ConnectionError | null {
    // Exclusive: a datagram wakes one of the threads that wait for it, not all. Such a watch cannot be changed, only made anew.
    const events = this.#isAnswering ? LINUX.EPOLLOUT : LINUX.EPOLLIN | LINUX.EPOLLEXCLUSIVE;
    return this.#core.watch(operation, this.descriptor, events);
  }

  #watchAnew(): void {
    this.#core.watch(LINUX.EPOLL_CTL_DEL, this.descriptor, 0);
    // The kernel gave back a watch a moment ago; if it has none now, the socket falls silent, and the others' go on.
    this.#isOpen = this.#watch(LINUX.EPOLL_CTL_ADD) === null;
  }
}

/** A copy that does not move in memory. */
function steady(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
