/** The classic commands that change something and bring no value: delete, incr, decr, touch, flush_all. */
import type { Output } from '../base/output.ts';
import { writeUint64 } from '../base/uint64.ts';
import type { TextRequest } from '../protocol/text/request-parser.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { type Cache, RESULT } from '../store/cache.ts';
import { COUNTER } from '../store/counters.ts';
import { countOne } from './counting.ts';
import { absoluteExptime, flushDelaySeconds } from './exptime.ts';
import type { NodeContext } from './node-context.ts';
import { REPLY, writeReply } from './replies.ts';
import { STORE_REPLY } from './text-stores.ts';

const LF = 10;
const CR = 13;

// Each executes the parsed line `request`, whose key lies in `input`, and answers it.

export function deleteKey(
  context: NodeContext,
  output: Output,
  request: TextRequest,
  input: Uint8Array,
): void {
  const { cache, prefixes } = context;
  const { keyStart, keyEnd } = request;
  if (prefixes.isOn) prefixes.recordDelete(input, keyStart, keyEnd);
  const result = cache.delete(input, keyStart, keyEnd, cache.hash(input, keyStart, keyEnd), 0);
  if (result !== RESULT.stored) countOne(cache, COUNTER.deleteMisses);
  if (!request.noreply) writeReply(output, result === RESULT.stored ? REPLY.deleted : REPLY.notFound);
}

/** incr and decr. */
export function arithmetic(cache: Cache, output: Output, request: TextRequest, input: Uint8Array): void {
  const { keyStart, keyEnd, deltaHigh, deltaLow } = request;
  const increments = request.verb === VERB.incr;
  const hash = cache.hash(input, keyStart, keyEnd);
  const result = cache.arithmetic(input, keyStart, keyEnd, hash, increments, deltaHigh, deltaLow);
  if (result === RESULT.notFound) countOne(cache, increments ? COUNTER.incrMisses : COUNTER.decrMisses);
  if (request.noreply) return;
  if (result !== RESULT.stored) {
    writeReply(output, result === RESULT.noMemory ? REPLY.noMemory : STORE_REPLY[result]!);
    return;
  }
  output.reserve(22);
  const { bytes } = output;
  const at = writeUint64(bytes, output.at, cache.numberHigh, cache.numberLow);
  bytes[at] = CR;
  bytes[at + 1] = LF;
  output.at = at + 2;
}

export function touch(cache: Cache, output: Output, request: TextRequest, input: Uint8Array): void {
  const { keyStart, keyEnd } = request;
  const expiresAt = absoluteExptime(request.exptime, cache.nowSeconds);
  const found = cache.touch(input, keyStart, keyEnd, cache.hash(input, keyStart, keyEnd), expiresAt);
  countOne(cache, COUNTER.cmdTouch);
  if (!found) countOne(cache, COUNTER.touchMisses);
  if (!request.noreply) writeReply(output, found ? REPLY.touched : REPLY.notFound);
}

/** flush_all, which has no key. */
export function flushAll(context: NodeContext, output: Output, request: TextRequest): void {
  const { cache } = context;
  if (!context.settings.flushAllowed) {
    if (!request.noreply) writeReply(output, REPLY.flushNotAllowed);
    return;
  }
  countOne(cache, COUNTER.cmdFlush);
  cache.flushAll(flushDelaySeconds(request.exptime, cache.nowSeconds));
  if (!request.noreply) writeReply(output, REPLY.ok);
}
