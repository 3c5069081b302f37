import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TEST_START_MS, TestCache } from '../../testing/test-cache.ts';
import { NODE_OPTIONS_DEFAULT, type NodeListenAddress } from './options.ts';
import { settingsReport } from './settings-report.ts';

test('addresses are shown as -l takes them', () => {
  const cases: readonly (readonly [readonly NodeListenAddress[], string])[] = [
    [[], 'NULL'],
    [[{ host: null, port: null }], '*'],
    [[{ host: 'localhost', port: 1 }], 'localhost:1'],
    [
      [
        { host: '127.0.0.1', port: null },
        { host: '::1', port: null },
        { host: '::1', port: 2 },
      ],
      '127.0.0.1,[::1],[::1]:2',
    ],
    [
      [
        { host: null, port: 3, tls: 'none' },
        { host: '::', port: null, tls: 'basic' },
        { host: 'a', port: 4, tls: 'mutual' },
      ],
      'notls:*:3,btls:[::],mtls:a:4',
    ],
  ];
  const { cache } = new TestCache();
  for (const [listen, shown] of cases) {
    const options = { ...NODE_OPTIONS_DEFAULT, listen };
    const report = settingsReport(options, { tcp: 0, udp: 0 }, 0, cache, false, 0);
    assert.equal(new Map(report).get('inter'), shown);
  }
});

test('the second of the latest flush is counted from a minute before the start', () => {
  const cache = new TestCache();
  const startedSeconds = TEST_START_MS / 1000 - 7;
  const oldest = (): unknown =>
    new Map(
      settingsReport(NODE_OPTIONS_DEFAULT, { tcp: 0, udp: 0 }, 0, cache.cache, false, startedSeconds),
    ).get('oldest');
  assert.equal(oldest(), 0);
  cache.cache.flushAll(0);
  assert.equal(oldest(), 60 + 7 - 1);
  cache.cache.flushAll(5);
  assert.equal(oldest(), 60 + 7 + 5 - 1);
});
