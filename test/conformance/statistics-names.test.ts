import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AS_ROOT, freePorts, MEMCACHED, type Running, run, twincached } from '../../testing/processes.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

/** Of parts that a memcached may be built without, and two that came and went. */
const NOT_EVERYWHERE = /^(ext_|ssl_|slab_reassign_evictions_nomem$|slab_automove_freeratio$)/;

/** Exporters and dashboards look statistics up by name: every name that memcached has is there, in memcached's order. */
for (const options of [[], ['-o', 'no_lru_maintainer,no_lru_crawler']])
  describe(`names of statistics, against the installed memcached ${options.join(' ')}`, {
    skip: MEMCACHED === null ? 'memcached is not installed' : false,
  }, () => {
    const programs: Running[] = [];
    const clients: TextClient[] = [];

    before(async () => {
      const ports = await freePorts(2);
      const args = (port: number | undefined): string[] => [
        '-l',
        '127.0.0.1',
        '-p',
        String(port),
        ...AS_ROOT,
        ...options,
      ];
      programs.push(twincached(['memcached', ...args(ports[0])]), run(MEMCACHED ?? '', args(ports[1])));
      for (const port of ports) {
        const client = await until(`port ${port}`, () => TextClient.connect(port));
        clients.push(client);
        for (const size of [1, 100, 5000])
          assert.equal(await client.set(`key${size}`, 'v'.repeat(size)), 'STORED');
        await client.get('key1');
      }
    });
    after(async () => {
      for (const client of clients) client.close();
      for (const program of programs) await program.kill();
    });

    const names = async (index: number, which: string): Promise<string[]> => [
      ...((await clients[index]?.stats(which)) ?? new Map<string, string>()).keys(),
    ];
    /** Slab classes hold other items where an item's header is smaller, so class numbers are left out. */
    const withoutClass = (all: readonly string[]): string[] => [
      ...new Set(all.map((name) => name.replace(/^(items:)?\d+:/, '$1N:'))),
    ];

    for (const which of ['', 'settings', 'items', 'slabs']) {
      test(`stats ${which}`, async () => {
        const ours = withoutClass(await names(0, which));
        const theirs = withoutClass(await names(1, which)).filter((name) => !NOT_EVERYWHERE.test(name));
        assert.ok(theirs.length > 10, `${theirs.length} names`);
        assert.deepEqual(
          theirs.filter((name) => !ours.includes(name)),
          [],
        );
        assert.deepEqual(
          ours.filter((name) => theirs.includes(name)),
          theirs,
          'order',
        );
      });
    }
  });
