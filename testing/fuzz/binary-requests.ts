import type { Random } from '../../src/base/random.ts';

const KEYS: readonly string[] = ['a', 'b', 'num', 'n2', 'k:1', '\0\x80\xff', 'k'.repeat(250)];
const VALUES: readonly string[] = ['', '1', '99', 'v'.repeat(90), 'v'.repeat(1000), 'x'.repeat(40_000)];
const EXPTIMES: readonly number[] = [0, 0, 0, 100, 2592001, 0xffffffff];

const NOOP = 0x0a;
/** Opcodes by the shape of their requests, the quiet forms beside the loud ones. Quit, SASL and the clock's answers are left out. */
const KEY_ONLY: readonly number[] = [0x00, 0x09, 0x0c, 0x0d, 0x04, 0x14];
const STORE: readonly number[] = [0x01, 0x11, 0x02, 0x12, 0x03, 0x13];
const CONCATENATE: readonly number[] = [0x0e, 0x19, 0x0f, 0x1a];
const COUNT: readonly number[] = [0x05, 0x15, 0x06, 0x16];
const TOUCH: readonly number[] = [0x1c, 0x1d, 0x1e, 0x23, 0x24];
const BARE: readonly number[] = [0x0b, 0x08, 0x18];

/** Makes the packets of one stream; opaques count up from 1. */
export class BinaryRequests {
  readonly #random: Random;
  readonly #withOdd: boolean;
  #opaque = 0;

  /** @param withOdd whether some packets have something wrong in their heads */
  constructor(random: Random, withOdd: boolean) {
    this.#random = random;
    this.#withOdd = withOdd;
  }

  /** A no-op, which is answered when everything before it has been. */
  noop(): Buffer {
    return this.#packet(NOOP, '', '', '');
  }

  /** One packet: mostly right, now and then with a length, an opcode or a magic byte that is not. */
  next(): Buffer {
    const random = this.#random;
    const kind = random.below(16);
    if (kind < 5) return this.#packet(this.#pick(KEY_ONLY), '', this.#pick(KEYS), '');
    if (kind < 9) {
      const extras = this.#word(random.below(3)) + this.#word(this.#pick(EXPTIMES));
      return this.#packet(this.#pick(STORE), extras, this.#pick(KEYS), this.#pick(VALUES));
    }
    if (kind < 10) return this.#packet(this.#pick(CONCATENATE), '', this.#pick(KEYS), this.#pick(VALUES));
    if (kind < 12) {
      const numbers =
        this.#word(0) + this.#word(random.below(20)) + this.#word(0) + this.#word(random.below(200));
      return this.#packet(
        this.#pick(COUNT),
        numbers + this.#word(this.#pick(EXPTIMES)),
        this.#pick(KEYS),
        '',
      );
    }
    if (kind < 14)
      return this.#packet(this.#pick(TOUCH), this.#word(this.#pick(EXPTIMES)), this.#pick(KEYS), '');
    if (kind < 15 || !this.#withOdd) return this.#packet(this.#pick(BARE), '', '', '');
    return this.#odd();
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)]!;
  }

  #word(value: number): string {
    return String.fromCharCode(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
  }

  #packet(opcode: number, extras: string, key: string, value: string): Buffer {
    const body = Buffer.from(extras + key + value, 'latin1');
    const packet = Buffer.alloc(24 + body.length);
    packet[0] = 0x80;
    packet[1] = opcode;
    packet.writeUInt16BE(key.length, 2);
    packet[4] = extras.length;
    packet.writeUInt32BE(body.length, 8);
    packet.writeUInt32BE(++this.#opaque, 12);
    if (opcode !== NOOP && this.#random.below(12) === 0) packet.writeUInt32BE(this.#random.below(3), 20);
    body.copy(packet, 24);
    return packet;
  }

  /** A packet with something wrong in its head. */
  #odd(): Buffer {
    const random = this.#random;
    const packet = this.#packet(
      random.below(256),
      this.#word(0).repeat(random.below(6)),
      this.#pick(KEYS),
      this.#pick(VALUES),
    );
    switch (random.below(5)) {
      case 0:
        packet[0] = random.below(256);
        break;
      case 1:
        packet.writeUInt16BE(this.#pick([0, 251, 65535]), 2);
        break;
      case 2:
        packet[4] = random.below(256);
        break;
      case 3:
        packet.writeUInt32BE(this.#pick([0, 1, 2_000_000, 0x40000001, 0xffffffff]), 8);
        break;
      default:
        packet[5] = random.below(256);
    }
    return packet;
  }
}
