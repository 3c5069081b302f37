import { assert } from '../base/assert.ts';
import type { Call, CallPool } from './call.ts';
import type { Errand } from './errand.ts';
import { ErrandRoute } from './errand-route.ts';
import { FAILURE, isRead } from './failure.ts';
import type { Request } from './request.ts';
import type { RouteHandle } from './route-handle.ts';

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const BASE64 = ascii('SERVER_ERROR A KEY IN BASE64 HAS NO PREFIX\r\n');
const ONE_SPACE = ascii(' ');
const LINE_END = ascii('\r\n');
const VALUE = ascii('VALUE ');

/** Up to so many bytes are copied one by one: a view of an array costs more. */
const COPY_BYTES_MAX = 256;

/** Blocks up to this size are put together in a buffer that is kept. */
const KEPT_BYTES_MAX = 65536;

/** Asks for keys without their first bytes, and gives clients the answers under the keys that they know. */
export class StripPrefixRoute extends ErrandRoute {
  readonly #bytes: number;
  #scratch = new Uint8Array(4096);

  /** @param bytes how many bytes are taken off; every key that comes here has more */
  constructor(child: RouteHandle, bytes: number, calls: CallPool) {
    super([child], calls);
    this.#bytes = bytes;
  }

  override triesOthers(): boolean {
    return false;
  }

  override route(call: Call): void {
    const { request } = call;
    if (request.hasBase64Key) {
      call.failure = FAILURE.refused;
      call.refusal = BASE64;
      this.fail(call);
      return;
    }
    const errand = this.errands.acquire(call);
    const short = this.calls.requests.acquire(null, request.verb, false);
    short.watch(errand, 0);
    short.isRetrySafe = request.isRetrySafe;
    if (this.#copy(short, request, call.firstKey)) {
      this.send(errand, short, this.children[0]!, call);
      return;
    }
    this.calls.requests.release(short);
    this.errands.release(errand);
    call.failure = FAILURE.memory;
    this.fail(call);
  }

  /** @returns false when the buffers are used up */
  #copy(short: Request, request: Request, firstKey: number): boolean {
    const { bytes } = request;
    if (!short.reserve(request.length)) return false;
    if (!isRead(request.verb)) {
      const start = request.keyStart[0]!;
      short.append(bytes, 0, start);
      short.append(bytes, start + this.#bytes, request.length);
      short.addKey(start, request.keyEnd[0]! - this.#bytes);
      short.prefixEnd = request.prefixEnd;
      return true;
    }
    short.append(bytes, 0, request.prefixEnd);
    short.prefixEnd = request.prefixEnd;
    for (let key = firstKey; key >= 0; key = request.keyNext[key]!) {
      short.append(ONE_SPACE, 0, 1);
      const start = short.length;
      short.append(bytes, request.keyStart[key]! + this.#bytes, request.keyEnd[key]!);
      short.addKey(start, short.length);
    }
    short.append(LINE_END, 0, LINE_END.length);
    return true;
  }

  override errandProgressed(errand: Errand): void {
    const { call } = errand;
    assert(call !== null, 'a call waits for the short key');
    const count = Math.max(1, call.keyCount);
    this.choices(count).fill(0, 0, count);
    this.deliver(errand, call);
    this.errands.release(errand);
  }

  /** With the whole key in its place. */
  protected override deliverBlock(
    call: Call,
    key: number,
    source: Uint8Array,
    from: number,
    to: number,
  ): void {
    const { bytes, keyStart, keyEnd } = call.request;
    const prefixStart = keyStart[key]!;
    const shortBytes = keyEnd[key]! - prefixStart - this.#bytes;
    const length = to - from + this.#bytes;
    let block = this.#scratch;
    if (block.length < length) {
      block = new Uint8Array(length * 2);
      if (length <= KEPT_BYTES_MAX) this.#scratch = block;
    }
    let at = 0;
    for (; at < VALUE.length; at++) block[at] = VALUE[at]!;
    for (let i = prefixStart; i < keyEnd[key]!; i++) block[at++] = bytes[i]!;
    const rest = from + VALUE.length + shortBytes;
    if (to - rest > COPY_BYTES_MAX) block.set(source.subarray(rest, to), at);
    else for (let i = rest; i < to; i++) block[at++] = source[i]!;
    super.deliverBlock(call, key, block, 0, length);
  }
}
