// Entry of a data thread that has nothing but a cache and its replication; see replication-host.ts.
import { randomInt } from 'node:crypto';
import { runDataThread } from '../../src/net/data-threads.ts';
import { type ReplicationService, startReplication } from '../../src/node/replication-service.ts';
import { Cache, STORE_MODE } from '../../src/store/cache.ts';
import { FeedReader } from '../../src/store/change-feed.ts';
import { isReplicationCommand, isReplicationThreadData } from './replication-host.ts';

void runDataThread((thread) => {
  const { loop, data } = thread;
  if (!isReplicationThreadData(data)) throw new Error('started by something else than replication-host.ts');
  const { shared } = data;
  const cache = new Cache(shared, thread.index);
  loop.useMemory(cache.ioRegion);
  cache.tick(loop.clock.wallMs());
  let service: ReplicationService | null = null;
  let head = cache.feedHead;
  loop.onTurnEnd(() => {
    cache.tick(loop.clock.wallMs());
    if (cache.feedHead === head) return;
    head = cache.feedHead;
    if (thread.index === 0) service?.changed();
    else thread.wake(0);
  });
  thread.onWake(() => service?.changed());
  thread.onMessage((command) => {
    if (!isReplicationCommand(command)) return;
    const bytes = Buffer.from(command.key + command.value, 'latin1');
    const keyEnd = command.key.length;
    const hash = cache.hash(bytes, 0, keyEnd);
    if (command.kind === 'set') {
      cache.store(STORE_MODE.set, bytes, 0, keyEnd, hash, 0, 0, 0, keyEnd, bytes.length);
    } else if (command.kind === 'get') {
      const item = cache.find(bytes, 0, keyEnd, hash);
      let value: string | null = null;
      if (item !== 0) {
        const target = Buffer.alloc(cache.valueBytes(item));
        cache.copyValue(item, target, 0);
        cache.release(hash);
        value = target.toString('latin1');
      }
      thread.post({ kind: 'value', text: value });
    } else if (command.kind === 'statistics') {
      const lines = service?.statistics() ?? [];
      thread.post({ kind: 'statistics', text: lines.map((line) => line.join(' ')).join('\n') });
    } else service?.stop(() => thread.post({ kind: 'stopped', text: null }));
  });
  if (thread.index !== 0) return;
  service = startReplication({
    loop,
    cache,
    legacy: null,
    readers: () => Array.from({ length: thread.count }, (_, index) => new FeedReader(shared, index)),
    listen: data.listen,
    peers: data.peers,
    secret: null,
    certificates: null,
    compressBytesMin: null,
    random: { below: (bound) => randomInt(bound) },
    readyMsMax: 2000,
    drainMsMax: 1000,
    log: () => {},
    onReady: () => thread.post({ kind: 'ready', text: null }),
    onRefused: (message) => thread.post({ kind: 'refused', text: message }),
  });
});
