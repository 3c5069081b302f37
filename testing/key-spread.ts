import assert from 'node:assert/strict';
import { TextClient } from './text-client.ts';

/**
 * Checks what a client has stored over two nodes: that every key lies on exactly one of them, and that each has some.
 *
 * @param ports of the nodes
 * @param prefix the keys are prefix0, prefix1, …
 */
export async function checkSpread(ports: readonly number[], prefix: string, keys: number): Promise<void> {
  const clients = await Promise.all(ports.map((port) => TextClient.connect(port)));
  const counts = ports.map(() => 0);
  for (let i = 0; i < keys; i++) {
    let copies = 0;
    for (const [at, client] of clients.entries()) {
      if ((await client.get(`${prefix}${i}`)) === null) continue;
      counts[at]!++;
      copies++;
    }
    assert.equal(copies, 1, `${prefix}${i} lies on ${copies} nodes`);
  }
  for (const client of clients) client.close();
  assert.ok(
    counts.every((count) => count > keys / 10),
    `${counts.join(' and ')} keys`,
  );
}
