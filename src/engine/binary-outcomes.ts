/** The store's modes and results in the terms of the binary protocol. */
import { OPCODE, OPCODE_TRAITS, STATUS, type Status } from '../protocol/binary/opcodes.ts';
import type { BinaryRequest } from '../protocol/binary/request-header.ts';
import { RESULT, type Result, STORE_MODE, type StoreMode } from '../store/cache.ts';

/** Statuses of an incr or decr that was refused, by RESULT. */
export const ARITHMETIC_STATUS: Readonly<Record<number, Status>> = {
  [RESULT.exists]: STATUS.exists,
  [RESULT.nonNumeric]: STATUS.nonNumeric,
  [RESULT.tooLarge]: STATUS.tooLarge,
};

/** The store's mode of a storage request. A set, add or replace that names a cas id is a cas, whichever it is. */
export function storeModeOf(stored: BinaryRequest): StoreMode {
  const { loud } = OPCODE_TRAITS[stored.opcode]!;
  if (loud === OPCODE.append) return STORE_MODE.append;
  if (loud === OPCODE.prepend) return STORE_MODE.prepend;
  if (stored.casHigh !== 0 || stored.casLow !== 0) return STORE_MODE.cas;
  if (loud === OPCODE.set) return STORE_MODE.set;
  return loud === OPCODE.add ? STORE_MODE.add : STORE_MODE.replace;
}

/** The status of a store that was refused. What text calls NOT_STORED has a status of its own for each mode. */
export function storeStatus(mode: StoreMode, result: Result): Status {
  if (result === RESULT.exists) return STATUS.exists;
  if (result === RESULT.notFound) return STATUS.notFound;
  if (result === RESULT.tooLarge) return STATUS.tooLarge;
  if (mode === STORE_MODE.add) return STATUS.exists;
  return mode === STORE_MODE.replace ? STATUS.notFound : STATUS.notStored;
}
