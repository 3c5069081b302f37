import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startHarness, TestClient } from '../../testing/transport-harness.ts';
import { resolveHost } from './resolve.ts';

test('numeric hosts in any form, and all addresses of this host', async () => {
  assert.deepEqual(await resolveHost('127.1', 5), [{ family: 'ipv4', host: '127.0.0.1', port: 5 }]);
  assert.deepEqual(await resolveHost('0:0::1', 5), [{ family: 'ipv6', host: '::1', port: 5 }]);
  const all = [
    { family: 'ipv4', host: '0.0.0.0', port: 5 },
    { family: 'ipv6', host: '::', port: 5 },
  ];
  assert.deepEqual(await resolveHost('', 5), all);
  assert.deepEqual(await resolveHost('*', 5), all);
});

test('a name that nobody has is an answer, not an exception', async () => {
  // A label of more than 63 characters: refused without asking anyone.
  const outcome = await resolveHost(`${'x'.repeat(64)}.invalid`, 5);
  assert.ok('code' in outcome);
  assert.ok(outcome.message.length > 0 && outcome.message !== outcome.code, outcome.message);
});

test('listening on a name listens on each of its addresses', async (t) => {
  const addresses = await resolveHost('localhost', 0);
  assert.ok(!('code' in addresses) && addresses.length > 0);
  const texts = addresses.map((address) => JSON.stringify(address));
  assert.equal(new Set(texts).size, addresses.length);
  const harness = startHarness('auto');
  t.after(() => {
    TestClient.closeAll();
    return harness.threads.stop();
  });
  for (const address of addresses) {
    const listening = await harness.listen('echo', { address });
    const client = new TestClient(listening.address);
    assert.equal(await client.exchange('ping', 4), 'ping');
  }
});
