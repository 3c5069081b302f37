/** First byte of every request, and of every reply. */
export const REQUEST_MAGIC = 0x80;
export const REPLY_MAGIC = 0x81;

/** Bytes of the header of requests and replies. */
export const HEADER_BYTES = 24;

/** The commands of the binary protocol by their numbers on the wire. A name that ends in Q is the quiet form of the one without. */
export const OPCODE = {
  get: 0x00,
  set: 0x01,
  add: 0x02,
  replace: 0x03,
  delete: 0x04,
  increment: 0x05,
  decrement: 0x06,
  quit: 0x07,
  flush: 0x08,
  getQ: 0x09,
  noop: 0x0a,
  version: 0x0b,
  getK: 0x0c,
  getKQ: 0x0d,
  append: 0x0e,
  prepend: 0x0f,
  stat: 0x10,
  setQ: 0x11,
  addQ: 0x12,
  replaceQ: 0x13,
  deleteQ: 0x14,
  incrementQ: 0x15,
  decrementQ: 0x16,
  quitQ: 0x17,
  flushQ: 0x18,
  appendQ: 0x19,
  prependQ: 0x1a,
  touch: 0x1c,
  getAndTouch: 0x1d,
  getAndTouchQ: 0x1e,
  saslList: 0x20,
  saslAuth: 0x21,
  saslStep: 0x22,
  getAndTouchK: 0x23,
  getAndTouchKQ: 0x24,
} as const;

/** The statuses of replies. */
export const STATUS = {
  ok: 0x00,
  notFound: 0x01,
  exists: 0x02,
  tooLarge: 0x03,
  invalidArguments: 0x04,
  notStored: 0x05,
  nonNumeric: 0x06,
  authError: 0x20,
  authContinue: 0x21,
  unknownCommand: 0x81,
  noMemory: 0x82,
  temporaryFailure: 0x86,
} as const;
export type Status = (typeof STATUS)[keyof typeof STATUS];

/** What a request of some opcode looks like: which of extras, key and value it has. */
export const SHAPE = {
  /** No such opcode. */
  unknown: 0,
  /** The header alone. */
  bare: 1,
  /** A key and nothing else. */
  key: 2,
  /** Flags and exptime, key, value. */
  store: 3,
  /** Key and value. */
  join: 4,
  /** Delta, initial number and exptime; key. */
  arithmetic: 5,
  /** Exptime; key. */
  touch: 6,
  /** Nothing, or an exptime. */
  flush: 7,
  /** A key or none. */
  stat: 8,
  /** A mechanism's name as key, and its data as value. */
  sasl: 9,
} as const;
export type Shape = (typeof SHAPE)[keyof typeof SHAPE];

/** What is the same for all requests of one opcode. */
export interface OpcodeTraits {
  readonly shape: Shape;
  /** The opcode of the form that always answers; the opcode itself where there is only one form. */
  readonly loud: number;
  readonly isQuiet: boolean;
  /** It may change what is in the cache. */
  readonly isChange: boolean;
}

const SHAPES_OF_CHANGES: ReadonlySet<Shape> = new Set([
  SHAPE.store,
  SHAPE.join,
  SHAPE.arithmetic,
  SHAPE.touch,
  SHAPE.flush,
]);

function traits(loudOpcode: number, shape: Shape, isQuiet: boolean): OpcodeTraits {
  const isChange = SHAPES_OF_CHANGES.has(shape) || loudOpcode === OPCODE.delete;
  return { shape, loud: loudOpcode, isQuiet, isChange };
}

function loud(opcode: number, shape: Shape): [number, OpcodeTraits] {
  return [opcode, traits(opcode, shape, false)];
}

function quiet(opcode: number, loudOpcode: number, shape: Shape): [number, OpcodeTraits] {
  return [opcode, traits(loudOpcode, shape, true)];
}

const KNOWN: ReadonlyMap<number, OpcodeTraits> = new Map([
  loud(OPCODE.get, SHAPE.key),
  loud(OPCODE.set, SHAPE.store),
  loud(OPCODE.add, SHAPE.store),
  loud(OPCODE.replace, SHAPE.store),
  loud(OPCODE.delete, SHAPE.key),
  loud(OPCODE.increment, SHAPE.arithmetic),
  loud(OPCODE.decrement, SHAPE.arithmetic),
  loud(OPCODE.quit, SHAPE.bare),
  loud(OPCODE.flush, SHAPE.flush),
  quiet(OPCODE.getQ, OPCODE.get, SHAPE.key),
  loud(OPCODE.noop, SHAPE.bare),
  loud(OPCODE.version, SHAPE.bare),
  loud(OPCODE.getK, SHAPE.key),
  quiet(OPCODE.getKQ, OPCODE.getK, SHAPE.key),
  loud(OPCODE.append, SHAPE.join),
  loud(OPCODE.prepend, SHAPE.join),
  loud(OPCODE.stat, SHAPE.stat),
  quiet(OPCODE.setQ, OPCODE.set, SHAPE.store),
  quiet(OPCODE.addQ, OPCODE.add, SHAPE.store),
  quiet(OPCODE.replaceQ, OPCODE.replace, SHAPE.store),
  quiet(OPCODE.deleteQ, OPCODE.delete, SHAPE.key),
  quiet(OPCODE.incrementQ, OPCODE.increment, SHAPE.arithmetic),
  quiet(OPCODE.decrementQ, OPCODE.decrement, SHAPE.arithmetic),
  quiet(OPCODE.quitQ, OPCODE.quit, SHAPE.bare),
  quiet(OPCODE.flushQ, OPCODE.flush, SHAPE.flush),
  quiet(OPCODE.appendQ, OPCODE.append, SHAPE.join),
  quiet(OPCODE.prependQ, OPCODE.prepend, SHAPE.join),
  loud(OPCODE.touch, SHAPE.touch),
  loud(OPCODE.getAndTouch, SHAPE.touch),
  quiet(OPCODE.getAndTouchQ, OPCODE.getAndTouch, SHAPE.touch),
  loud(OPCODE.saslList, SHAPE.bare),
  loud(OPCODE.saslAuth, SHAPE.sasl),
  loud(OPCODE.saslStep, SHAPE.sasl),
  loud(OPCODE.getAndTouchK, SHAPE.touch),
  quiet(OPCODE.getAndTouchKQ, OPCODE.getAndTouchK, SHAPE.touch),
]);

/** The traits of each of the 256 opcodes. */
export const OPCODE_TRAITS: readonly OpcodeTraits[] = Array.from(
  { length: 256 },
  (_, opcode) => KNOWN.get(opcode) ?? traits(opcode, SHAPE.unknown, false),
);
