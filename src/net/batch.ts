/** A list that is filled during a turn and emptied at its end; it keeps its memory. */
export class Batch<T extends object> {
  #items: (T | null)[] = [];
  #spare: (T | null)[] = [];
  count = 0;

  add(item: T): void {
    this.#items[this.count++] = item;
  }

  /** Visits what is there; what is added meanwhile stays for the next time. */
  drain(visit: (item: T) => void): void {
    const { count } = this;
    if (count === 0) return;
    const items = this.#items;
    this.#items = this.#spare;
    this.#spare = items;
    this.count = 0;
    for (let i = 0; i < count; i++) {
      const item = items[i];
      items[i] = null;
      if (item !== undefined && item !== null) visit(item);
    }
  }
}
