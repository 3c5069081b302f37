import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePorts } from '../../testing/processes.ts';
import { startNode, startProxy, TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';

for (const transport of TRANSPORTS) {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    test(`${transport}: ${signal} ends node and proxy with 0, also when it is sent twice`, async () => {
      const [port = 0] = await freePorts(1);
      const node = await startNode([], transport);
      const proxy = await startProxy(port, ['-s', `127.1:${node.port}`], transport);
      const client = await TextClient.connect(port);
      assert.equal(await client.set('a', 'b'), 'STORED');
      // As npm and timeout(1) do: they pass a signal on that the whole group has got.
      for (const server of [proxy, node]) {
        server.process.child.kill(signal);
        assert.equal(await server.process.kill(signal), 0, server.process.stderr());
      }
      client.close();
    });

  test(`${transport}: a node whose log nobody reads any more goes on serving`, async () => {
    const node = await startNode(['-vv'], transport);
    node.process.child.stderr?.destroy();
    for (let i = 0; i < 6; i++) {
      const client = await TextClient.connect(node.port);
      assert.equal(await client.set('a', 'b'), 'STORED');
      client.close();
    }
    assert.equal(await node.process.kill('SIGTERM'), 0);
  });

  test(`${transport}: a second, different signal ends a node at once`, async () => {
    const node = await startNode([], transport);
    node.process.child.kill('SIGTERM');
    const outcome = await node.process.kill('SIGINT');
    // 0 when the first was done with before the second came.
    assert.ok(outcome === 1 || outcome === 0, `exit ${outcome}`);
  });
}
