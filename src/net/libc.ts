/**
 * The kernel's socket calls, bound through koffi: the only module that knows how. Another binding can take its place by
 * providing the same functions.
 *
 * Buffers are passed as addresses. An address is a bigint made once per buffer: a call costs about 50 ns that way, against 200 with
 * a buffer argument, and allocates nothing; an address kept as a number would be above 2^31, and the engine boxes such a number anew
 * each time it is read from a field. Whoever passes an address keeps the bytes alive.
 */
import { createRequire } from 'node:module';

export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: bigint, bytes: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: bigint, bytesAddress: bigint, flags: number): number;
  connect(fd: number, address: bigint, bytes: number): number;
  getsockname(fd: number, address: bigint, bytesAddress: bigint): number;
  getpeername(fd: number, address: bigint, bytesAddress: bigint): number;
  setsockopt(fd: number, level: number, option: number, address: bigint, bytes: number): number;
  getsockopt(fd: number, level: number, option: number, address: bigint, bytesAddress: bigint): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epfd: number, operation: number, fd: number, address: bigint): number;
  epoll_wait(epfd: number, address: bigint, eventsMax: number, timeoutMs: number): number;
  /** poll(2): holds the thread up for as long as it waits. */
  poll(address: bigint, count: number, timeoutMs: number): number;
  eventfd(count: number, flags: number): number;
  write(fd: number, address: bigint, bytes: number): number;
  recv(fd: number, address: bigint, bytes: number, flags: number): number;
  send(fd: number, address: bigint, bytes: number, flags: number): number;
  /** `peer` is where the sender's address is written, `peerBytes` where its length stands and is written. */
  recvfrom(
    fd: number,
    address: bigint,
    bytes: number,
    flags: number,
    peer: bigint,
    peerBytes: bigint,
  ): number;
  sendto(fd: number, address: bigint, bytes: number, flags: number, peer: bigint, peerBytes: number): number;
  sendmsg(fd: number, address: bigint, flags: number): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  /** fcntl(2) with a number. */
  fcntl(fd: number, command: number, argument: number): number;
  /** ioctl(2) with where a number is written. */
  ioctl(fd: number, request: number, address: bigint): number;
  clock_gettime(clock: number, address: bigint): number;
  /** memmove(3); addresses as numbers, because they are sums. */
  memmove(target: number, source: number, bytes: number): number;
  /** madvise(2). */
  madvise(address: number, bytes: number, advice: number): number;
  /** mlock2(2). */
  mlock2(address: number, bytes: number, flags: number): number;
  /** Why the last call on this thread returned -1. */
  errno(): number;
  /** Where the first of the bytes lies. The bytes must belong to an array buffer made as such, which never moves. */
  addressOf(bytes: Uint8Array): bigint;
}

/** Constants of Linux; the same on the architectures listed below. */
export const LINUX = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_ERROR: 4,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  SO_KEEPALIVE: 9,
  SO_LINGER: 13,
  IPPROTO_TCP: 6,
  TCP_NODELAY: 1,
  TCP_KEEPIDLE: 4,
  TCP_KEEPINTVL: 5,
  TCP_KEEPCNT: 6,
  TCP_USER_TIMEOUT: 18,
  IPPROTO_IPV6: 41,
  IPV6_V6ONLY: 26,
  MSG_NOSIGNAL: 0x4000,
  EPOLL_CLOEXEC: 0o2000000,
  EPOLL_CTL_ADD: 1,
  EPOLL_CTL_DEL: 2,
  EPOLL_CTL_MOD: 3,
  EPOLLIN: 0x001,
  EPOLLOUT: 0x004,
  EPOLLERR: 0x008,
  EPOLLHUP: 0x010,
  EPOLLRDHUP: 0x2000,
  EPOLLEXCLUSIVE: 0x1000_0000,
  EPOLLET: -0x8000_0000,
  F_DUPFD_CLOEXEC: 1030,
  SIOCOUTQ: 0x5411,
  EFD_NONBLOCK: 0o4000,
  EFD_CLOEXEC: 0o2000000,
  CLOCK_MONOTONIC: 1,
} as const;

const ARCHITECTURES: ReadonlySet<string> = new Set(['x64', 'arm64', 'riscv64']);

/** The kernel packs an epoll event to 12 bytes on x86-64 and aligns its data to 8 bytes elsewhere; in 32-bit words. */
export const EPOLL_EVENT_WORDS: number = process.arch === 'x64' ? 3 : 4;
/** Where the descriptor lies in an event, in 32-bit words. */
export const EPOLL_EVENT_FD_WORD: number = process.arch === 'x64' ? 1 : 2;

let loaded: Libc | null | undefined;

/**
 * Binds the calls, once per thread.
 *
 * @returns null where that is impossible: not Linux, or no koffi for this machine. koffi is not touched before.
 */
export function loadLibc(): Libc | null {
  if (loaded === undefined) loaded = bindLibc();
  return loaded;
}

function bindLibc(): Libc | null {
  if (process.platform !== 'linux' || !ARCHITECTURES.has(process.arch)) return null;
  let koffi: typeof import('koffi');
  try {
    koffi = createRequire(import.meta.url)('koffi');
  } catch {
    return null;
  }
  // The symbols of this process: the C library that node itself is linked with, glibc or musl.
  const library = koffi.load(null);
  return {
    socket: library.func('int socket(int, int, int)'),
    bind: library.func('int bind(int, size_t, int)'),
    listen: library.func('int listen(int, int)'),
    accept4: library.func('int accept4(int, size_t, size_t, int)'),
    connect: library.func('int connect(int, size_t, int)'),
    getsockname: library.func('int getsockname(int, size_t, size_t)'),
    getpeername: library.func('int getpeername(int, size_t, size_t)'),
    setsockopt: library.func('int setsockopt(int, int, int, size_t, int)'),
    getsockopt: library.func('int getsockopt(int, int, int, size_t, size_t)'),
    epoll_create1: library.func('int epoll_create1(int)'),
    epoll_ctl: library.func('int epoll_ctl(int, int, int, size_t)'),
    epoll_wait: library.func('int epoll_wait(int, size_t, int, int)'),
    poll: library.func('int poll(size_t, size_t, int)'),
    eventfd: library.func('int eventfd(int, int)'),
    write: library.func('int write(int, size_t, int)'),
    recv: library.func('int recv(int, size_t, int, int)'),
    send: library.func('int send(int, size_t, int, int)'),
    sendmsg: library.func('int sendmsg(int, size_t, int)'),
    shutdown: library.func('int shutdown(int, int)'),
    recvfrom: library.func('int recvfrom(int, size_t, int, int, size_t, size_t)'),
    sendto: library.func('int sendto(int, size_t, int, int, size_t, int)'),
    close: library.func('int close(int)'),
    // Variadic in C; on these architectures a third number is passed the same way.
    fcntl: library.func('int fcntl(int, int, int)'),
    ioctl: library.func('int ioctl(int, size_t, size_t)'),
    memmove: library.func('size_t memmove(size_t, size_t, size_t)'),
    madvise: library.func('int madvise(size_t, size_t, int)'),
    mlock2: library.func('int mlock2(size_t, size_t, int)'),
    clock_gettime: library.func('int clock_gettime(int, size_t)'),
    errno: () => koffi.errno(),
    addressOf: (bytes) => koffi.address(bytes),
  };
}
