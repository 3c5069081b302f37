import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startNode } from '../../src/node/main-thread.ts';
import { NODE_OPTIONS_DEFAULT, type NodeOptions } from '../../src/node/options.ts';
import { TextClient } from '../../testing/text-client.ts';

const OPTIONS: NodeOptions = {
  ...NODE_OPTIONS_DEFAULT,
  listen: [{ host: '127.0.0.1', port: null }],
  tcpPort: 0,
  memoryBytesMax: 8 * 1024 * 1024,
  threads: 2,
};

for (const transport of ['reactor', 'portable'] as const) {
  test(`a node within a process is started and stopped again and again (${transport})`, async () => {
    for (let round = 0; round < 4; round++) {
      const node = await startNode(OPTIONS, transport);
      assert.ok(node.port > 0);
      const client = await TextClient.connect(node.port);
      assert.equal(await client.get('round'), null);
      assert.equal(await client.set('round', String(round)), 'STORED');
      assert.equal(await client.get('round'), String(round));
      client.close();
      await node.stop();
      await assert.rejects(TextClient.connect(node.port));
    }
  });
}

test("a client's shutdown is told to whoever started the node, and does not end it by itself", async () => {
  const node = await startNode({ ...OPTIONS, shutdownEnabled: true });
  const client = await TextClient.connect(node.port);
  await client.set('k', 'v');
  const lost = client.ask('shutdown');
  lost.catch(() => {});
  await node.shutdown;
  const other = await TextClient.connect(node.port);
  assert.equal(await other.get('k'), 'v');
  other.close();
  await node.stop();
  await assert.rejects(lost);
});

test('a port that is taken is refused with one line', async () => {
  const node = await startNode(OPTIONS);
  await assert.rejects(
    startNode({ ...OPTIONS, tcpPort: node.port }),
    /^StartError: failed to listen on TCP port \d+: Address already in use$/,
  );
  await node.stop();
});
