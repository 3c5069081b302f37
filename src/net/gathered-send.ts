import { LINUX, type Libc } from './libc.ts';

/** struct iovec: address and length, 8 bytes each. */
const VECTOR_BYTES = 16;
const PIECES = 3;
/** struct msghdr of 64-bit Linux: name, its length, vectors, their count, control data, its length, flags. */
const HEADER_BYTES = 56;
const HEADER_VECTORS = 2;
const HEADER_COUNT = 3;

/** Arrays whose addresses are remembered: a node's arenas, of which a small node has one. They are shared; other arrays would be kept from being freed. */
const KNOWN_MAX = 8;

/** Sends a reply whose middle part lies somewhere else, in one call and without gathering it in a buffer first: sendmsg(2). */
export class GatheredSend {
  readonly #libc: Libc;
  readonly #bytes: Uint8Array = new Uint8Array(new ArrayBuffer(HEADER_BYTES + PIECES * VECTOR_BYTES));
  readonly #words: BigUint64Array = new BigUint64Array(this.#bytes.buffer);
  readonly #address: bigint;
  readonly #known: Uint8Array[] = [];
  readonly #knownAddresses: bigint[] = [];

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#address = libc.addressOf(this.#bytes);
    this.#words[HEADER_VECTORS] = this.#address + BigInt(HEADER_BYTES);
    this.#words[HEADER_COUNT] = BigInt(PIECES);
  }

  /**
   * Sends `headBytes` at `head`, bytes [from, to) of `source`, and `tailBytes` at `head + headBytes`.
   *
   * @returns how many bytes the kernel took, or -1; see errno
   */
  send(
    descriptor: number,
    head: bigint,
    headBytes: number,
    source: Uint8Array,
    from: number,
    to: number,
    tailBytes: number,
  ): number {
    this.#setPiece(0, head, headBytes);
    this.#setPiece(1, this.#addressOf(source) + BigInt(from), to - from);
    this.#setPiece(2, head + BigInt(headBytes), tailBytes);
    return this.#libc.sendmsg(descriptor, this.#address, LINUX.MSG_NOSIGNAL);
  }

  #setPiece(piece: number, address: bigint, bytes: number): void {
    const word = (HEADER_BYTES + piece * VECTOR_BYTES) >> 3;
    this.#words[word] = address;
    this.#words[word + 1] = BigInt(bytes);
  }

  #addressOf(source: Uint8Array): bigint {
    const place = this.#known.indexOf(source);
    if (place >= 0) return this.#knownAddresses[place]!;
    const address = this.#libc.addressOf(source);
    if (source.buffer instanceof SharedArrayBuffer && this.#known.length < KNOWN_MAX) {
      this.#known.push(source);
      this.#knownAddresses.push(address);
    }
    return address;
  }
}
