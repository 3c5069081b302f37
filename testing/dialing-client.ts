import { TextClient } from './text-client.ts';
import { until } from './wait.ts';

/** What a load asks. */
export interface LoadClient {
  set(key: string, value: string): Promise<string>;
  get(key: string): Promise<string | null>;
  close(): void;
}

/**
 * A client as applications have them: when its connection is lost it dials again, the next one of its addresses, and asks once more. What it asks
 * leaves the same when it is done twice.
 */
export class DialingClient implements LoadClient {
  readonly #ports: readonly number[];
  #client: TextClient | null = null;
  #next = 0;
  /** Connections that were lost. */
  lost = 0;

  /** @param ports on loopback */
  constructor(ports: readonly number[]) {
    this.#ports = ports;
  }

  set(key: string, value: string): Promise<string> {
    return this.#ask((client) => client.set(key, value));
  }

  get(key: string): Promise<string | null> {
    return this.#ask((client) => client.get(key));
  }

  close(): void {
    this.#client?.close();
  }

  async #ask<T>(question: (client: TextClient) => Promise<T>): Promise<T> {
    for (;;) {
      const client = this.#client ?? (await this.#dial());
      this.#client = client;
      try {
        return await question(client);
      } catch (error) {
        // An error line is an answer.
        if (error instanceof Error && error.message.includes('SERVER_ERROR')) throw error;
        client.close();
        this.#client = null;
        this.lost++;
      }
    }
  }

  #dial(): Promise<TextClient> {
    return until(`one of ${this.#ports.join(', ')} is open`, () => {
      const port = this.#ports[this.#next++ % this.#ports.length] ?? 0;
      return TextClient.connect(port);
    });
  }
}
