import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { CopyProgress } from './copy-progress.ts';
import type { TwinAddress } from './service-definition.ts';

/** A twin that says of its links what it is told to; a fresh connection for each question. */
class SayingTwin {
  lines: readonly string[] = [];
  readonly #server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      const stats = this.lines.map((line) => `STAT ${line}\r\n`).join('');
      socket.write(`VERSION 0.0.0\r\nSTAT pid 1\r\nEND\r\n${stats}END\r\n`);
    });
  });

  async listen(t: TestContext): Promise<TwinAddress> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    t.after(() => this.#server.close());
    const address = this.#server.address();
    assert.ok(address !== null && typeof address === 'object');
    return { name: 'twin', host: '127.0.0.1', port: address.port };
  }
}

test('more sent of a copy is progress; the same again, and all that is no copy, is none', async (t) => {
  const twin = new SayingTwin();
  const twins = [await twin.listen(t), { name: 'dead', host: '127.0.0.1', port: 1 }];
  const progress = new CopyProgress();
  assert.equal(await progress.look([]), null);

  twin.lines = ['replication_peer_0_state linked', 'replication_peer_0_sync_items_sent 9'];
  assert.equal(await progress.look(twins), null, 'a link without a copy');

  const copying = (items: number, percent: number): void => {
    twin.lines = [
      'replication_peer_0_state linked',
      'replication_peer_1_state syncing',
      `replication_peer_1_sync_items_sent ${items}`,
      `replication_peer_1_sync_percent ${percent}`,
    ];
  };
  copying(0, 0);
  assert.equal(await progress.look(twins), 'gets its copy from a twin, 0 % sent');
  assert.equal(await progress.look(twins), null, 'nothing more');
  copying(500, 0);
  assert.equal(await progress.look(twins), 'gets its copy from a twin, 0 % sent', 'items count, too');
  copying(900, 7);
  assert.equal(await progress.look(twins), 'gets its copy from a twin, 7 % sent');
  assert.equal(await progress.look(twins), null);
  progress.clear();
  assert.equal(await progress.look(twins), 'gets its copy from a twin, 7 % sent', 'of another process');
});
