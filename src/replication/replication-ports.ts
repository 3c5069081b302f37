import type { Random } from '../base/random.ts';
import { RetryPause } from './retry-pause.ts';

interface Port {
  isBound: boolean;
  /** It has been bound once, or there is no need to. */
  isSettled: boolean;
  readonly retry: RetryPause;
}

/**
 * The addresses that a node listens on for its peers. One that is taken, because the twin on the same host has it, is tried again now and then, and at
 * once when that twin may have gone; so the survivor of two takes the port over.
 */
export class ReplicationPorts {
  readonly #ports: readonly Port[];

  /** @param count of addresses; they are known by their index */
  constructor(count: number, random: Random) {
    this.#ports = Array.from({ length: count }, () => ({
      isBound: false,
      isSettled: false,
      retry: new RetryPause(random),
    }));
  }

  /** One of them is listened on. */
  get isAnyBound(): boolean {
    return this.#ports.some((port) => port.isBound);
  }

  /** Of each it is known whether it can be had at once. */
  get areSettled(): boolean {
    return this.#ports.every((port) => port.isSettled);
  }

  /** When `tick` has something to do. */
  get dueMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const { isBound, retry } of this.#ports) if (!isBound) dueMs = Math.min(dueMs, retry.dueMs);
    return dueMs;
  }

  /** @param listen binds a port; it, or what it waits for, says how that went */
  tick(nowMs: number, listen: (index: number) => void): void {
    for (const [index, { isBound, retry }] of this.#ports.entries()) {
      if (isBound || nowMs < retry.dueMs) continue;
      retry.stop();
      listen(index);
    }
  }

  bound(index: number): void {
    const port = this.#ports[index];
    if (port === undefined) return;
    port.isBound = true;
    port.isSettled = true;
    port.retry.reset();
  }

  /** The address is of a family that this host lacks, and others are listened on. */
  needless(index: number): void {
    const port = this.#ports[index];
    if (port !== undefined) port.isSettled = true;
  }

  /** @returns whether there is hope: it could be had before, or `mayBeFreed` */
  failed(index: number, nowMs: number, mayBeFreed: boolean): boolean {
    const port = this.#ports[index];
    if (port === undefined) return true;
    if (!port.isSettled && !mayBeFreed) return false;
    port.isSettled = true;
    port.retry.later(nowMs);
    return true;
  }

  /** Whoever has them may have gone. */
  mayBeFree(nowMs: number): void {
    for (const { isBound, retry } of this.#ports) {
      retry.reset();
      if (!isBound) retry.atOnce(nowMs);
    }
  }
}
