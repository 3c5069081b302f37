import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { serviceOf } from '../../testing/fake-cluster.ts';
import { serveTcp } from '../../testing/tcp-server.ts';
import type { ServiceStatus } from '../checks/cluster-status.ts';
import { keyObjection, type LookupNode, lookUp, readMetaGet, verdictOf } from './key-lookup.ts';

/** A server that answers everything with one text, and tells what it was asked. */
async function answering(
  t: TestContext,
  answer: string,
): Promise<{ readonly address: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const port = await serveTcp(t, (socket) =>
    socket.on('data', (bytes) => {
      asked.push(bytes.toString('latin1'));
      socket.write(answer, 'latin1');
    }),
  );
  return { address: `127.0.0.1:${port}`, asked };
}

function route(...addresses: string[]): string {
  const value = addresses.join('\r\n');
  return `VALUE question 0 ${value.length}\r\n${value}\r\nEND\r\n`;
}

test('the way of a key is followed from the entrance, and every node is asked', async (t) => {
  const a = await answering(t, 'HD s3 t58 f5 c77 h1 l2\r\n');
  const b = await answering(t, 'HD s3 t58 f5 c77 h0 l9 W\r\n');
  const other = await answering(t, 'EN\r\n');
  const inner = await answering(t, route(a.address, b.address));
  const outer = await answering(t, route(inner.address));
  const unused = await answering(t, route(other.address));
  const services: ServiceStatus[] = [
    serviceOf('a', { group: 'pair', address: a.address }),
    serviceOf('b', { group: 'pair', address: b.address }),
    serviceOf('c', { group: 'other', address: other.address }),
    serviceOf('inner', { role: 'proxy', address: inner.address, sendsTo: ['a', 'b'] }),
    serviceOf('unused', { role: 'proxy', address: unused.address, sendsTo: ['c'] }),
    serviceOf('outer', { role: 'proxy', address: outer.address, sendsTo: ['inner', 'unused'] }),
  ];
  const result = await lookUp('schlüssel', services);
  assert.deepEqual([result.verdict, result.group], ['equal', 'pair']);
  assert.deepEqual(result.hops, [
    { proxy: 'outer', pool: null, servers: ['inner'] },
    { proxy: 'inner', pool: null, servers: ['a', 'b'] },
  ]);
  assert.deepEqual(unused.asked, []);
  const bytes = Buffer.from('schlüssel').toString('latin1');
  assert.deepEqual(a.asked, [`mg ${bytes} s t f c h l u\r\n`]);
  assert.deepEqual(outer.asked, [`get __twincached__.route(get,${bytes})\r\n`]);
  assert.deepEqual(
    result.nodes.map(({ service, state, version }) => [service, state, version]),
    [
      ['a', 'found', '77'],
      ['b', 'found', '77'],
      ['c', 'missing', null],
    ],
  );
});

test('each pool of a proxy has a way of its own; home is where the key is', async (t) => {
  const a = await answering(t, 'EN\r\n');
  const b = await answering(t, 'HD s3 t58 f5 c77 h1 l2\r\n');
  const [first, second] = [await answering(t, route(a.address)), await answering(t, route(b.address))];
  const pool = (name: string, address: string): ServiceStatus['pools'][number] => ({
    ...{ name, address, answers: true, stats: null, shards: [] },
  });
  const result = await lookUp('k', [
    serviceOf('a', { address: a.address }),
    serviceOf('b', { address: b.address }),
    serviceOf('p', {
      role: 'proxy',
      address: first.address,
      pools: [pool('x', first.address), pool('y', second.address)],
    }),
  ]);
  assert.deepEqual(result.hops, [
    { proxy: 'p', pool: 'x', servers: ['a'] },
    { proxy: 'p', pool: 'y', servers: ['b'] },
  ]);
  assert.deepEqual([result.group, result.verdict], ['b', 'equal']);
});

test('what does not answer is unknown, and a server that is none of ours is named by its address', async (t) => {
  const silent = await serveTcp(t, (socket) => socket.end());
  const proxy = await answering(t, route('192.0.2.1:11211'));
  const result = await lookUp('k', [
    serviceOf('a', { address: `127.0.0.1:${silent}` }),
    serviceOf('b', { address: 'nonsense' }),
    serviceOf('p', { role: 'proxy', address: proxy.address, sendsTo: ['a'] }),
  ]);
  assert.deepEqual(
    result.nodes.map(({ state }) => state),
    ['unknown', 'unknown'],
  );
  assert.deepEqual(result.hops, [{ proxy: 'p', pool: null, servers: ['192.0.2.1:11211'] }]);
  assert.deepEqual([result.group, result.verdict], [null, 'unknown']);
});

test('a key too long for a question to proxies is still asked for at nodes', async (t) => {
  const node = await answering(t, 'HD s1 t-1 f0 c5 h0 l0\r\n');
  const proxy = await answering(t, route(node.address));
  const result = await lookUp('k'.repeat(250), [
    serviceOf('a', { address: node.address }),
    serviceOf('p', { role: 'proxy', address: proxy.address, sendsTo: ['a'] }),
  ]);
  assert.deepEqual([result.hops.length, result.verdict, proxy.asked.length], [0, 'equal', 0]);
});

test('what is no key is said why', () => {
  assert.equal(keyObjection('user:1'), null);
  assert.equal(keyObjection('k'.repeat(250)), null);
  assert.match(keyObjection('') ?? '', /Give a key/);
  assert.match(keyObjection('k'.repeat(251)) ?? '', /250 bytes; this one has 251/);
  assert.match(keyObjection('ü'.repeat(126)) ?? '', /this one has 252/);
  for (const key of ['a b', 'a\r\nflush_all', 'a\t', '\x7f', '\0'])
    assert.match(keyObjection(key) ?? '', /no blanks/);
});

test('what a node says of an item is read word by word', () => {
  assert.deepEqual(readMetaGet('HD s3 t-1 f0 c18446744073709551615 h1 l4 X Z\r\n'), {
    state: 'found',
    bytes: 3,
    flags: 0,
    secondsLeft: -1,
    version: '18446744073709551615',
    idleSeconds: 4,
    wasRead: true,
    isStale: true,
  });
  assert.equal(readMetaGet('EN\r\n').state, 'missing');
  for (const answer of ['', 'ERROR\r\n', 'SERVER_ERROR HD\r\n'])
    assert.equal(readMetaGet(answer).state, 'unknown');
});

test('a verdict is about the nodes that should have the key', () => {
  const node = (group: string, state: LookupNode['state'], version: string | null = null): LookupNode => ({
    service: `${group}${state}`,
    group,
    ...readMetaGet(state === 'found' ? `HD c${version}\r\n` : state === 'missing' ? 'EN\r\n' : ''),
  });
  const elsewhere = node('other', 'missing');
  const cases: [string, LookupNode[]][] = [
    ['equal', [node('g', 'found', '1'), node('g', 'found', '1')]],
    ['different', [node('g', 'found', '1'), node('g', 'found', '2')]],
    ['partial', [node('g', 'found', '1'), node('g', 'missing')]],
    ['unknown', [node('g', 'found', '1'), node('g', 'unknown')]],
    ['nowhere', [node('g', 'missing'), node('g', 'missing')]],
  ];
  for (const [verdict, nodes] of cases) {
    assert.equal(verdictOf([...nodes, elsewhere], 'g'), verdict);
    assert.equal(verdictOf([...nodes, elsewhere], null), verdict === 'nowhere' ? 'nowhere' : verdict);
  }
  assert.equal(verdictOf([node('other', 'found', '1'), node('g', 'missing')], 'g'), 'nowhere');
});
