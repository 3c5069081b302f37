import { createServer } from 'node:net';

const PORT_KEYS = ['port', 'replication-port'];

/** Ports of this machine that nobody has, each kept until all are known, so that none is found twice. */
export class FreePorts {
  readonly #kept: (() => Promise<void>)[] = [];

  /** A copy of a value in which each port 0 is a free one. */
  async fill(value: unknown, key = ''): Promise<unknown> {
    if (value === 0 && PORT_KEYS.includes(key)) return this.#take();
    if (Array.isArray(value)) {
      const filled: unknown[] = [];
      for (const item of value) filled.push(await this.fill(item));
      return filled;
    }
    if (typeof value !== 'object' || value === null) return value;
    const filled: Record<string, unknown> = {};
    for (const [name, item] of Object.entries(value)) filled[name] = await this.fill(item, name);
    return filled;
  }

  async close(): Promise<void> {
    await Promise.all(this.#kept.map((close) => close()));
  }

  #take(): Promise<number> {
    return new Promise((taken, failed) => {
      const server = createServer();
      server.once('error', failed);
      server.listen({ port: 0, host: '127.0.0.1' }, () => {
        this.#kept.push(() => new Promise((closed) => server.close(() => closed())));
        const address = server.address();
        taken(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  }
}
