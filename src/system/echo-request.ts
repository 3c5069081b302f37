import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** What is asked of a host by ICMP: whether it is there. */
export interface EchoRequest {
  /** An address or a name. */
  readonly host: string;
  readonly family: 'any' | 'ipv4' | 'ipv6';
  /** The address to send from; null: any. */
  readonly source: string | null;
  /** Of what is sent, behind the head of eight bytes. */
  readonly payloadBytes: number;
  readonly timeoutMs: number;
}

export type EchoOutcome =
  | { readonly kind: 'answered'; readonly ms: number }
  | { readonly kind: 'failed'; readonly why: string }
  /** This process may not ask, or the system has no way to. */
  | { readonly kind: 'impossible' };

interface Family {
  readonly domain: number;
  readonly protocol: number;
  readonly requestType: number;
  readonly replyType: number;
}

/** socket(7), icmp(7), RFC 792 and 4443. */
const IPV4: Family = { domain: 2, protocol: 1, requestType: 8, replyType: 0 };
const IPV6: Family = { domain: 10, protocol: 58, requestType: 128, replyType: 129 };
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;

/** By this an answer is known to be ours: the kernel writes a number of its own over the one in the head. */
const TOKEN_BYTES = 16;
export const PAYLOAD_BYTES_MAX = 1492;

/** Between two looks for the answer: at first soon, because most hosts are near. */
const LOOK_MS_MIN = 1;
const LOOK_MS_MAX = 20;

/** Opened by the first request: most monitors send none. */
let libc: Promise<Libc | null> | null = null;

interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  sendto(
    fd: number,
    bytes: Uint8Array,
    length: number,
    flags: number,
    to: Uint8Array,
    toLength: number,
  ): number;
  recv(fd: number, bytes: Uint8Array, length: number, flags: number): number;
  close(fd: number): number;
}

async function open(): Promise<Libc | null> {
  if (process.platform !== 'linux') return null;
  try {
    const { default: koffi } = await import('koffi');
    const library = koffi.load(null);
    return {
      socket: library.func('socket', 'int', ['int', 'int', 'int']),
      bind: library.func('bind', 'int', ['int', 'void *', 'uint']),
      sendto: library.func('sendto', 'long', ['int', 'void *', 'ulong', 'int', 'void *', 'uint']),
      recv: library.func('recv', 'long', ['int', 'void *', 'ulong', 'int']),
      close: library.func('close', 'int', ['int']),
    };
  } catch {
    return null;
  }
}

/** Sends one request, and waits for its answer. Never rejects. */
export async function echoRequest(request: EchoRequest): Promise<EchoOutcome> {
  libc ??= open();
  const calls = await libc;
  if (calls === null) return { kind: 'impossible' };
  const address = await addressOf(request);
  if (address === null) return { kind: 'failed', why: 'the name cannot be resolved' };
  const version = isIP(address);
  if (request.family !== 'any' && request.family !== `ipv${version}`)
    return {
      kind: 'failed',
      why: `${address} is no address of ${request.family === 'ipv6' ? 'IPv6' : 'IPv4'}`,
    };
  const family = version === 6 ? IPV6 : IPV4;
  // Users of a group that the system names may have such sockets; root may have the older ones everywhere.
  let isRaw = false;
  let fd = calls.socket(family.domain, SOCK_DGRAM | SOCK_CLOEXEC, family.protocol);
  if (fd < 0) {
    isRaw = true;
    fd = calls.socket(family.domain, SOCK_RAW | SOCK_CLOEXEC, family.protocol);
  }
  if (fd < 0) return { kind: 'impossible' };
  try {
    const { source } = request;
    if (source !== null) {
      const from = isIP(source) === 0 ? null : socketAddress(source);
      if (from === null || calls.bind(fd, from, from.length) !== 0)
        return { kind: 'failed', why: `cannot send from ${source}` };
    }
    const token = randomBytes(TOKEN_BYTES);
    const packet = echoPacket(family.requestType, token, request.payloadBytes);
    const to = socketAddress(address);
    const startMs = performance.now();
    if (calls.sendto(fd, packet, packet.length, 0, to, to.length) !== packet.length)
      return { kind: 'failed', why: 'no way to it' };
    const answer = new Uint8Array(PAYLOAD_BYTES_MAX + 128);
    const hasCome = await awaitAnswer((): boolean | null => {
      const count = calls.recv(fd, answer, answer.length, MSG_DONTWAIT);
      if (count <= 0) return null;
      return isEchoReply(answer.subarray(0, count), family.replyType, isRaw && family === IPV4, token);
    }, request.timeoutMs);
    return hasCome
      ? { kind: 'answered', ms: performance.now() - startMs }
      : { kind: 'failed', why: 'no answer' };
  } finally {
    calls.close(fd);
  }
}

/** Asking for a name takes no longer than the answer may. @returns null when it means nothing, or not in time */
async function addressOf({ host, family, timeoutMs }: EchoRequest): Promise<string | null> {
  if (isIP(host) !== 0) return host;
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), timeoutMs);
  });
  try {
    const version = family === 'any' ? 0 : family === 'ipv4' ? 4 : 6;
    const found = await Promise.race([lookup(host, { family: version }), patience]);
    return found?.address ?? null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** Packets that are looked at before others have a turn: of all that arrives at the host some sockets get a copy, and there may be a flood of it. */
const PACKETS_PER_LOOK = 64;

/**
 * Looks for an answer again and again.
 *
 * @param receive whether the next packet is the answer; null when none is there
 * @returns false when it has not come in time
 */
export async function awaitAnswer(receive: () => boolean | null, timeoutMs: number): Promise<boolean> {
  const endMs = performance.now() + timeoutMs;
  for (let lookMs = LOOK_MS_MIN; ; lookMs = Math.min(LOOK_MS_MAX, lookMs * 2)) {
    for (let packets = 0; packets < PACKETS_PER_LOOK; packets++) {
      const isAnswer = receive();
      if (isAnswer === true) return true;
      if (isAnswer === null) break;
    }
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) return false;
    await new Promise((resolve) => setTimeout(resolve, Math.min(lookMs, leftMs)));
  }
}

/** A request with its checksum, as the older sockets want it; of the others the kernel makes it anew. */
export function echoPacket(type: number, token: Uint8Array, payloadBytes: number): Uint8Array {
  const packet = new Uint8Array(8 + Math.max(TOKEN_BYTES, Math.min(payloadBytes, PAYLOAD_BYTES_MAX)));
  packet[0] = type;
  packet.set(token.subarray(0, 2), 4);
  packet[7] = 1;
  packet.set(token, 8);
  const sum = internetChecksum(packet);
  packet[2] = sum >>> 8;
  packet[3] = sum & 0xff;
  return packet;
}

/** RFC 1071. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** @param hasIpHead whether the head of IPv4 stands before it */
export function isEchoReply(
  packet: Uint8Array,
  replyType: number,
  hasIpHead: boolean,
  token: Uint8Array,
): boolean {
  const at = hasIpHead ? ((packet[0] ?? 0) & 0x0f) * 4 : 0;
  if (packet[at] !== replyType || packet.length < at + 8 + token.length) return false;
  return token.every((byte, index) => packet[at + 8 + index] === byte);
}

/** A `sockaddr_in` or `sockaddr_in6` without a port. */
function socketAddress(address: string): Uint8Array {
  const isV6 = isIP(address) === 6;
  const bytes = new Uint8Array(isV6 ? 28 : 16);
  // The family is a number of the host's byte order, which is little-endian on all that Node runs Linux on but s390x.
  new Uint16Array(bytes.buffer, 0, 1)[0] = isV6 ? IPV6.domain : IPV4.domain;
  if (!isV6) bytes.set(address.split('.').map(Number), 4);
  else bytes.set(ipv6Bytes(address), 8);
  return bytes;
}

/** The sixteen bytes of an address that `isIP` calls one of IPv6; its zone is left out. */
export function ipv6Bytes(address: string): Uint8Array {
  let [text = ''] = address.split('%');
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (dotted !== null) {
    const [, a, b, c, d] = dotted.map(Number);
    const word = (high = 0, low = 0): string => ((high << 8) | low).toString(16);
    text = `${text.slice(0, dotted.index)}${word(a, b)}:${word(c, d)}`;
  }
  const [head = '', tail] = text.split('::');
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const [first, last] = [words(head), words(tail ?? '')];
  const all = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
  return new Uint8Array(all.flatMap((word) => [word >>> 8, word & 0xff]));
}
