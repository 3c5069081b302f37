/** Sockets of the kernel in terms of addresses and errors; the slow calls, made once per connection or listener. */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { endianness, networkInterfaces } from 'node:os';
import type { ConnectionError } from '../base/session.ts';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6, splitZone, UNIX_PATH_BYTES_MAX } from './addresses.ts';
import { LINUX, type Libc } from './libc.ts';
import type { SocketAddress } from './loop.ts';
import { attempt, ERRNO, errorOfName, errorOfNumber } from './system-errors.ts';

/** Size of sockaddr_un, the longest of the three. */
const ADDRESS_BYTES = 110;
const UNIX_PATH_AT = 2;
/** Where an integer option or a length lies in the scratch bytes. */
const NUMBER_AT = 112;
const SCRATCH_BYTES = 128;
const LITTLE_ENDIAN = endianness() === 'LE';

/** A connection is silent when it has answered none of so many questions, the first of which is asked after as long as lies between them. */
const KEEPALIVE_PROBES = 4;

/** What the kernel may keep of datagrams, in each direction. */
const DATAGRAM_QUEUE_BYTES: number = 4 * 1024 * 1024;

/** The mode of a unix socket when none is given, as memcached has it. */
export const UNIX_MODE = 0o700;

export class Sockets {
  readonly #libc: Libc;
  readonly #bytes: Uint8Array = new Uint8Array(new ArrayBuffer(SCRATCH_BYTES));
  readonly #view: DataView = new DataView(this.#bytes.buffer);
  readonly #address: bigint;
  readonly #numberAddress: bigint;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#address = libc.addressOf(this.#bytes);
    this.#numberAddress = this.#address + BigInt(NUMBER_AT);
  }

  /** The reason of the last failed call. */
  lastError(): ConnectionError {
    return errorOfNumber(this.#libc.errno());
  }

  /**
   * A descriptor of a new socket that never blocks and is closed in children, or why there is none.
   *
   * @param type SOCK_STREAM or SOCK_DGRAM
   */
  open(address: SocketAddress, type: number = LINUX.SOCK_STREAM): number | ConnectionError {
    const { AF_UNIX, AF_INET, AF_INET6, SOCK_NONBLOCK, SOCK_CLOEXEC } = LINUX;
    const domain = address.family === 'unix' ? AF_UNIX : address.family === 'ipv4' ? AF_INET : AF_INET6;
    const fd = this.#libc.socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? this.lastError() : fd;
  }

  /** Opens a socket for datagrams and binds it. */
  boundForDatagrams(address: SocketAddress): number | ConnectionError {
    const fd = this.open(address, LINUX.SOCK_DGRAM);
    if (typeof fd !== 'number') return fd;
    // What does not fit is lost; the kernel takes its own maximum for less.
    this.setOption(fd, LINUX.SOL_SOCKET, LINUX.SO_RCVBUF, DATAGRAM_QUEUE_BYTES);
    this.setOption(fd, LINUX.SOL_SOCKET, LINUX.SO_SNDBUF, DATAGRAM_QUEUE_BYTES);
    if (address.family === 'ipv6') this.setOption(fd, LINUX.IPPROTO_IPV6, LINUX.IPV6_V6ONLY, 1);
    const error = this.#bind(fd, address);
    if (error === null) return fd;
    this.#libc.close(fd);
    return error;
  }

  /** Another descriptor of the same socket, closed in children. */
  duplicate(fd: number): number | ConnectionError {
    const other = this.#libc.fcntl(fd, LINUX.F_DUPFD_CLOEXEC, 0);
    return other < 0 ? this.lastError() : other;
  }

  /**
   * Opens a socket and binds it. A socket file that nobody listens on is replaced. What is set here also holds for the
   * connections accepted from it: no delay of small segments, keep-alive.
   */
  bound(address: SocketAddress): number | ConnectionError {
    const fd = this.open(address);
    if (typeof fd !== 'number') return fd;
    if (address.family !== 'unix') {
      this.setOption(fd, LINUX.SOL_SOCKET, LINUX.SO_REUSEADDR, 1);
      this.setOption(fd, LINUX.SOL_SOCKET, LINUX.SO_KEEPALIVE, 1);
      this.setOption(fd, LINUX.IPPROTO_TCP, LINUX.TCP_NODELAY, 1);
      if (address.family === 'ipv6') this.setOption(fd, LINUX.IPPROTO_IPV6, LINUX.IPV6_V6ONLY, 1);
    }
    const error = address.family === 'unix' ? this.#bindPath(fd, address) : this.#bind(fd, address);
    if (error === null) return fd;
    this.#libc.close(fd);
    return error;
  }

  #bind(fd: number, address: SocketAddress): ConnectionError | null {
    const length = this.#encode(address);
    if (typeof length !== 'number') return length;
    return this.#libc.bind(fd, this.#address, length) === 0 ? null : this.lastError();
  }

  #bindPath(fd: number, address: SocketAddress & { readonly family: 'unix' }): ConnectionError | null {
    let error = this.#bind(fd, address);
    if (error?.code === 'EADDRINUSE' && this.#isStale(address)) {
      const failure = attempt(() => unlinkSync(address.path));
      error = failure ?? this.#bind(fd, address);
    }
    return error ?? attempt(() => chmodSync(address.path, address.mode ?? UNIX_MODE));
  }

  /** Whether the path is a socket that refuses connections: its program has gone without removing it. */
  #isStale(address: SocketAddress & { readonly family: 'unix' }): boolean {
    const status = lstatSync(address.path, { throwIfNoEntry: false });
    if (status?.isSocket() !== true) return false;
    const fd = this.open(address);
    if (typeof fd !== 'number') return false;
    const isRefused = this.connect(fd, address) === ERRNO.ECONNREFUSED;
    this.#libc.close(fd);
    return isRefused;
  }

  /** @returns 0 when connected, or errno: EINPROGRESS when it will be known later */
  connect(fd: number, address: SocketAddress): number {
    const length = this.#encode(address);
    if (typeof length !== 'number') return ERRNO.EINVAL;
    return this.#libc.connect(fd, this.#address, length) === 0 ? 0 : this.#libc.errno();
  }

  /** The errno that a connection attempt or a connection ended with; 0 for none. */
  pendingErrno(fd: number): number {
    return this.getOption(fd, LINUX.SOL_SOCKET, LINUX.SO_ERROR);
  }

  /** Bytes that the kernel keeps because the peer's host has not acknowledged them (on a path: because the peer has not read them). */
  unacknowledgedBytes(fd: number): number {
    const result = this.#libc.ioctl(fd, LINUX.SIOCOUTQ, this.#numberAddress);
    return result === 0 ? this.#view.getInt32(NUMBER_AT, LITTLE_ENDIAN) : 0;
  }

  setOption(fd: number, level: number, option: number, value: number): void {
    this.#view.setInt32(NUMBER_AT, value, LITTLE_ENDIAN);
    this.#libc.setsockopt(fd, level, option, this.#numberAddress, 4);
  }

  /** Has the close that follows discard what is unsent and send a reset (socket(7), SO_LINGER with no time to linger). */
  closeByReset(fd: number): void {
    this.#view.setInt32(NUMBER_AT, 1, LITTLE_ENDIAN);
    this.#view.setInt32(NUMBER_AT + 4, 0, LITTLE_ENDIAN);
    this.#libc.setsockopt(fd, LINUX.SOL_SOCKET, LINUX.SO_LINGER, this.#numberAddress, 8);
  }

  /** Has a connection end by ETIMEDOUT when the other side has acknowledged nothing for about so long (tcp(7)). */
  watchSilence(fd: number, ms: number): void {
    const probeSeconds = Math.max(1, Math.floor(ms / 1000 / KEEPALIVE_PROBES));
    this.setOption(fd, LINUX.SOL_SOCKET, LINUX.SO_KEEPALIVE, 1);
    this.setOption(fd, LINUX.IPPROTO_TCP, LINUX.TCP_KEEPIDLE, probeSeconds);
    this.setOption(fd, LINUX.IPPROTO_TCP, LINUX.TCP_KEEPINTVL, probeSeconds);
    this.setOption(fd, LINUX.IPPROTO_TCP, LINUX.TCP_KEEPCNT, KEEPALIVE_PROBES - 1);
    // Probes are sent only while nothing else waits for an acknowledgement; this is for what does.
    this.setOption(fd, LINUX.IPPROTO_TCP, LINUX.TCP_USER_TIMEOUT, ms);
  }

  /** The value of an integer option, or errno when it cannot be had. */
  getOption(fd: number, level: number, option: number): number {
    const lengthAt = NUMBER_AT + 4;
    this.#view.setInt32(lengthAt, 4, LITTLE_ENDIAN);
    const result = this.#libc.getsockopt(fd, level, option, this.#numberAddress, this.#numberAddress + 4n);
    return result === 0 ? this.#view.getInt32(NUMBER_AT, LITTLE_ENDIAN) : this.#libc.errno();
  }

  localAddress(fd: number): SocketAddress | null {
    this.#view.setInt32(NUMBER_AT, ADDRESS_BYTES, LITTLE_ENDIAN);
    return this.#libc.getsockname(fd, this.#address, this.#numberAddress) === 0 ? this.#decode() : null;
  }

  /** Null when the peer has gone. Of a unix socket it is our own end: the peer's has no name. */
  peerAddress(fd: number): SocketAddress | null {
    this.#view.setInt32(NUMBER_AT, ADDRESS_BYTES, LITTLE_ENDIAN);
    if (this.#libc.getpeername(fd, this.#address, this.#numberAddress) !== 0) return null;
    const address = this.#decode();
    return address?.family === 'unix' ? this.localAddress(fd) : address;
  }

  /** Writes the address as the kernel has it. @returns its length */
  #encode(address: SocketAddress): number | ConnectionError {
    const { AF_UNIX, AF_INET, AF_INET6 } = LINUX;
    this.#bytes.fill(0, 0, ADDRESS_BYTES);
    if (address.family === 'unix') {
      const path = Buffer.from(address.path);
      if (path.length > UNIX_PATH_BYTES_MAX) return errorOfName('ENAMETOOLONG');
      this.#view.setUint16(0, AF_UNIX, LITTLE_ENDIAN);
      this.#bytes.set(path, UNIX_PATH_AT);
      return UNIX_PATH_AT + path.length + 1;
    }
    this.#view.setUint16(2, address.port);
    if (address.family === 'ipv4') {
      const host = parseIpv4(address.host);
      if (host === null) return errorOfName('EINVAL');
      this.#view.setUint16(0, AF_INET, LITTLE_ENDIAN);
      this.#bytes.set(host.split('.').map(Number), 4);
      return 16;
    }
    const split = splitZone(address.host);
    const host = split === null ? null : parseIpv6(split.address);
    if (split === null || host === null) return errorOfName('EINVAL');
    this.#view.setUint16(0, AF_INET6, LITTLE_ENDIAN);
    this.#bytes.set(host, 8);
    this.#view.setUint32(24, zoneIndex(split.zone), LITTLE_ENDIAN);
    return 28;
  }

  /** The address that the kernel has written to `bytes`, as after recvfrom(2). */
  decode(bytes: Uint8Array): SocketAddress | null {
    this.#bytes.set(bytes, 0);
    return this.#decode();
  }

  #decode(): SocketAddress | null {
    const { AF_UNIX, AF_INET, AF_INET6 } = LINUX;
    const family = this.#view.getUint16(0, LITTLE_ENDIAN);
    const port = this.#view.getUint16(2);
    if (family === AF_INET) return { family: 'ipv4', host: formatIpv4(this.#bytes.subarray(4, 8)), port };
    if (family === AF_INET6) {
      const zone = this.#view.getUint32(24, LITTLE_ENDIAN);
      const host = formatIpv6(this.#bytes.slice(8, 24)) + (zone === 0 ? '' : `%${zone}`);
      return { family: 'ipv6', host, port };
    }
    if (family !== AF_UNIX) return null;
    const length = this.#view.getInt32(NUMBER_AT, LITTLE_ENDIAN);
    const path = Buffer.from(this.#bytes.subarray(UNIX_PATH_AT, Math.max(UNIX_PATH_AT, length)));
    const end = path.indexOf(0);
    return { family: 'unix', path: path.toString('utf8', 0, end < 0 ? path.length : end) };
  }
}

/** The index of the interface that a link-local address is meant on; 0 for none. */
function zoneIndex(zone: string): number {
  if (/^\d*$/.test(zone)) return Number(zone);
  return networkInterfaces()[zone]?.find((entry) => entry.family === 'IPv6')?.scopeid ?? 0;
}
