import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import type { ConnectionError } from '../base/session.ts';
import { FIGURE } from './figures.ts';
import { LINUX } from './libc.ts';
import type { Listener, ListenOptions, SocketAddress } from './loop.ts';
import type { EventHandler, ReactorCore } from './reactor-connection.ts';
import { attempt, ERRNO } from './system-errors.ts';

/** Most connections accepted from one listener in one turn, so that a flood of them does not starve those that are there. */
const ACCEPTS_PER_TURN = 64;

/** How long accepting stops when descriptors or memory have run out. */
const EXHAUSTED_PAUSE_MS = 50;

/** The reactor as its listeners see it. */
export interface ListenerCore extends ReactorCore {
  /** Takes an accepted connection: keeps it, or hands it to another thread. */
  accepted(descriptor: number, service: number, spread: boolean): void;
  schedule(delayMs: number, callback: () => void): number;
  cancel(handle: number): void;
  /** The listener is closed. */
  forget(listener: ReactorListener): void;
}

/** A listening socket of the reactor. */
export class ReactorListener implements Listener, EventHandler {
  readonly takesDatagrams = false;
  readonly address: SocketAddress;
  readonly descriptor: number;
  readonly #core: ListenerCore;
  readonly #options: ListenOptions;
  #service: number;
  /** The file of a unix socket, to know it again when it is removed. */
  readonly #inode: number | null;
  #isListening = false;
  #isOpen = false;
  #isClosed = false;
  /** While accepting pauses because something has run out; 0 else. */
  #pauseTimer = 0;

  /** @param descriptor a bound socket */
  constructor(core: ListenerCore, descriptor: number, options: ListenOptions, service: number) {
    this.#core = core;
    this.descriptor = descriptor;
    this.#options = options;
    this.#service = service;
    const { address } = options;
    this.address = address.family === 'unix' ? address : (core.sockets.localAddress(descriptor) ?? address);
    this.#inode = address.family === 'unix' ? inodeOf(address.path) : null;
  }

  listen(): ConnectionError | null {
    if (this.#isClosed || this.#isListening) return null;
    const { libc, sockets } = this.#core;
    if (libc.listen(this.descriptor, this.#options.backlog) !== 0) return sockets.lastError();
    this.#isListening = true;
    return null;
  }

  open(): ConnectionError | null {
    if (this.#isClosed || this.#isOpen) return null;
    const failure = this.listen();
    if (failure !== null) return failure;
    const error = this.#core.watch(LINUX.EPOLL_CTL_ADD, this.descriptor, LINUX.EPOLLIN);
    this.#isOpen = error === null;
    return error;
  }

  useFor(service: number, backlog: number, mode: number): ConnectionError | null {
    const { address } = this;
    this.#service = service;
    // Of a socket that listens this changes the length of the queue.
    if (this.#isListening) this.#core.libc.listen(this.descriptor, backlog);
    return address.family === 'unix' ? attempt(() => chmodSync(address.path, mode)) : null;
  }

  pause(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#pauseTimer === 0) this.#core.watch(LINUX.EPOLL_CTL_DEL, this.descriptor, 0);
    this.#core.cancel(this.#pauseTimer);
    this.#pauseTimer = 0;
  }

  close(): void {
    if (this.#isClosed) return;
    this.pause();
    this.#isClosed = true;
    if (this.address.family === 'unix') removeOwn(this.address.path, this.#inode);
    this.#core.libc.close(this.descriptor);
    this.#core.forget(this);
  }

  handle(): void {
    const { libc, figures } = this.#core;
    for (let i = 0; i < ACCEPTS_PER_TURN && this.#isOpen && this.#pauseTimer === 0; i++) {
      const fd = libc.accept4(this.descriptor, 0n, 0n, LINUX.SOCK_NONBLOCK | LINUX.SOCK_CLOEXEC);
      if (fd >= 0) {
        figures[FIGURE.accepted]!++;
        this.#options.onAccepted?.();
        this.#core.accepted(fd, this.#service, this.#options.spread);
        continue;
      }
      const errno = libc.errno();
      if (errno === ERRNO.EAGAIN) return;
      const isExhausted =
        errno === ERRNO.EMFILE || errno === ERRNO.ENFILE || errno === ERRNO.ENOBUFS || errno === ERRNO.ENOMEM;
      // Anything else is about the one connection that was to be accepted (accept(2)).
      if (isExhausted) this.#pauseExhausted();
    }
  }

  /** The waiting connection would be reported in every turn; so the listener is not watched for a while. */
  #pauseExhausted(): void {
    this.#core.figures[FIGURE.acceptPauses]!++;
    this.#core.watch(LINUX.EPOLL_CTL_DEL, this.descriptor, 0);
    this.#pauseTimer = this.#core.schedule(EXHAUSTED_PAUSE_MS, () => {
      this.#pauseTimer = 0;
      const error = this.#core.watch(LINUX.EPOLL_CTL_ADD, this.descriptor, LINUX.EPOLLIN);
      if (error !== null) this.#pauseExhausted();
    });
  }
}

function inodeOf(path: string): number | null {
  const status = lstatSync(path, { throwIfNoEntry: false });
  return status?.isSocket() === true ? status.ino : null;
}

/** Removes a socket file unless another program has put its own there. */
function removeOwn(path: string, inode: number | null): void {
  try {
    if (inode !== null && inodeOf(path) === inode) unlinkSync(path);
  } catch {
    // The process may no longer be allowed to; the next one replaces the file.
  }
}
