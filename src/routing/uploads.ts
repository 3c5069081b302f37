import type { Request } from './request.ts';

/** A client that is in the middle of a value. */
export interface Uploader {
  /** What has come of it; null: nothing is kept. */
  readonly collecting: Request | null;
  /** Forgets what has come, answers that there is no memory for it, and drops what is still to come. */
  giveUpValue(): void;
}

/**
 * The values that clients are sending and that have not come whole. Replies wait for servers, which have deadlines; but a client may take as
 * long as it likes for its value, and what has come of it is kept. So when memory is used up, those that began first make room, and clients that
 * dawdle, however many, cannot have all of it for themselves.
 */
export class Uploads {
  /** Values that had to make room. */
  givenUp = 0;
  /** In the order in which they began, with the time. */
  readonly #underWay: Map<Uploader, number> = new Map();
  readonly #grantedMs: number;
  readonly #nowMs: () => number;

  /** @param grantedMs for so long a value keeps its place in any case */
  constructor(grantedMs: number, nowMs: () => number) {
    this.#grantedMs = grantedMs;
    this.#nowMs = nowMs;
  }

  get count(): number {
    return this.#underWay.size;
  }

  /** Not all of a value has come at once. */
  begin(uploader: Uploader): void {
    this.#underWay.set(uploader, this.#nowMs());
  }

  end(uploader: Uploader): void {
    this.#underWay.delete(uploader);
  }

  /**
   * Has one value make room.
   *
   * @param needer who wants memory: its own value stays; null: no value
   * @returns false when none has had its time
   */
  relieve(needer: object | null): boolean {
    const nowMs = this.#nowMs();
    for (const [uploader, beganMs] of this.#underWay) {
      if (nowMs - beganMs < this.#grantedMs) return false;
      if (uploader.collecting === needer) continue;
      this.#underWay.delete(uploader);
      this.givenUp++;
      uploader.giveUpValue();
      return true;
    }
    return false;
  }
}
