import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { POOL_DEFAULT, PROXY_OPTIONS_DEFAULT, type ProxyPool } from '../proxy/options.ts';
import { type MagentCommand, parseMagent } from './magent-options.ts';
import { magentUsage } from './magent-table.ts';

function called(words: readonly string[]): Parameters<typeof parseMagent>[0] {
  return { program: 'magent', words, directory: '/here', environment: {} };
}

function parse(words: string): { command: MagentCommand; warnings: readonly string[] } {
  const line = parseMagent(called(words.split(' ')));
  assert.equal(line.kind, 'run');
  return line;
}

function refusal(...words: string[]): string {
  try {
    parseMagent(called(words));
  } catch (error) {
    assert.ok(error instanceof StartError);
    assert.equal(error.exitCode, 1);
    return error.message;
  }
  return 'accepted';
}

function poolOf(line: string): ProxyPool {
  const [pool] = parse(line).command.proxy.pools;
  assert.ok(pool !== undefined);
  return pool;
}

const USAGE = magentUsage().trimEnd();

test('the lines of the published guides', () => {
  const main = { host: '127.0.0.1', port: 11221, text: '127.1:11221' };
  const backup = { host: '127.0.0.1', port: 11222, text: '127.1:11222' };
  assert.deepEqual(parse('-u root -n 51200 -l 127.1 -p 11200 -s 127.1:11221 -b 127.1:11222').command, {
    proxy: {
      ...PROXY_OPTIONS_DEFAULT,
      pools: [
        {
          ...POOL_DEFAULT,
          listen: [{ host: '127.0.0.1', port: 11200 }],
          servers: [main, backup],
          routing: { kind: 'magent', mains: 1, distribution: 'modulo' },
        },
      ],
      connectionsMax: 51200,
    },
    daemon: true,
    user: 'root',
    group: null,
    file: null,
  });
  const user = poolOf('-u root -n 51200 -l 127.0.0.1 -p12000 -s 127.1:11200 -s 127.1:11300');
  assert.deepEqual(user.listen, [{ host: '127.0.0.1', port: 12000 }]);
  assert.deepEqual(
    user.servers.map(({ text }) => text),
    ['127.1:11200', '127.1:11300'],
  );
});

test('defaults, and what is no value counts as the default', () => {
  const { proxy, daemon, user, group } = parse('-s 127.0.0.1').command;
  assert.deepEqual(proxy, {
    ...PROXY_OPTIONS_DEFAULT,
    pools: [
      {
        ...POOL_DEFAULT,
        servers: [{ host: '127.0.0.1', port: 11211, text: '127.0.0.1' }],
        routing: { kind: 'magent', mains: 1, distribution: 'modulo' },
      },
    ],
  });
  assert.deepEqual({ daemon, user, group }, { daemon: true, user: null, group: null });
  assert.equal(parse('-s a -n 0').command.proxy.connectionsMax, 4096);
  assert.equal(parse('-s a -n -5 -i -1').command.proxy.connectionsMax, 4096);
});

test('foreground, verbosity, ketama, unix socket, group, threads', () => {
  assert.equal(parse('-D -s a').command.daemon, false);
  const verbose = parse('-vk -s a -g 7').command;
  assert.deepEqual(
    [verbose.daemon, verbose.proxy.verbosity, verbose.proxy.pools[0]?.routing, verbose.group],
    [false, 1, { kind: 'magent', mains: 1, distribution: 'ketama' }, '7'],
  );
  assert.deepEqual(parse('-k -s a').warnings, ['using ketama algorithm']);
  const unix = poolOf('-p 0 -f sock -s a');
  assert.deepEqual([unix.listen, unix.unixPath, unix.unixMode], [[], '/here/sock', 0o644]);
  assert.equal(parse('-s a -t 3').command.proxy.threads, 3);
});

test('refusals', () => {
  assert.equal(refusal(), `please provide -s "ip:port" argument\n${USAGE}`);
  assert.equal(refusal('-h'), USAGE);
  assert.equal(refusal('-z', '-s', 'a'), `magent: invalid option -- 'z'\n${USAGE}`);
  assert.equal(refusal('-s'), `magent: option requires an argument -- 's'\n${USAGE}`);
  assert.equal(refusal('-s', 'a', '-p', '0'), 'magent must listen on tcp or unix domain socket');
  assert.equal(refusal('-s', 'a', '-p', '70000'), 'ERROR: Invalid port number 70000.');
  assert.match(refusal('-s', 'a', '-p', 'x'), /^Invalid value "x" for -p: /);
  assert.match(refusal('-s', 'a', '-n', 'x'), /^Invalid value "x" for -n: /);
  assert.match(refusal('-s', ''), /^Invalid value "" for -s: /);
  assert.match(refusal('-s', 'a', '-b', 'a:x'), /^Invalid value "a:x" for -b: "x" is no port$/);
  assert.match(refusal('-s', 'a', '-f', 'x'.repeat(200)), /too long for a socket/);
});

test('the long options are answers', () => {
  assert.deepEqual(parseMagent(called(['--help'])), { kind: 'answer', text: magentUsage() });
});

test('what is done for hot keys, by option', () => {
  const hotKeys = (line: string): unknown => {
    const { routing } = poolOf(`${line} -s a`);
    assert.ok(routing.kind === 'magent');
    return routing.hotKeys;
  };
  assert.equal(hotKeys('-p 1'), undefined);
  assert.deepEqual(hotKeys('--near-cache 50'), { nearCacheMs: 50, coalesces: false });
  assert.deepEqual(hotKeys('--coalesce'), { nearCacheMs: null, coalesces: true });
  assert.deepEqual(hotKeys('--near-cache=10000 --coalesce'), { nearCacheMs: 10_000, coalesces: true });
  for (const value of ['0', '10001', 'x'])
    assert.equal(
      refusal('--near-cache', value, '-s', 'a'),
      `Invalid value "${value}" for --near-cache: a whole number from 1 to 10000 is needed`,
    );
});

test('how long a lost server is waited for', () => {
  const waitMs = (line: string): unknown => poolOf(`${line} -s a`).timeouts.returnWaitMs;
  assert.deepEqual(
    [waitMs('-p 1'), waitMs('--return-wait 0'), waitMs('--return-wait=60000')],
    [1000, 0, 60_000],
  );
  for (const value of ['-1', '60001', 'x'])
    assert.equal(
      refusal('--return-wait', value, '-s', 'a'),
      `Invalid value "${value}" for --return-wait: a whole number from 0 to 60000 is needed`,
    );
});

test('three placements, and weights', () => {
  const distribution = (words: string): string => {
    const [pool] = parse(words).command.proxy.pools;
    return pool?.routing.kind === 'magent' ? pool.routing.distribution : '';
  };
  assert.equal(distribution('-s a'), 'modulo');
  assert.equal(distribution('-k -s a'), 'ketama');
  assert.equal(distribution('--placement=ketama -s a'), 'ketama');
  assert.equal(distribution('--placement ketama-8bit -k -s a'), 'ketama-8bit');
  assert.equal(distribution('-k --placement modulo -s a'), 'modulo');
  assert.deepEqual(parse('--placement ketama-8bit -s a').warnings, ['using ketama algorithm']);
  assert.equal(
    refusal('-s', 'a', '--placement', 'x'),
    'Invalid value "x" for --placement: one of modulo, ketama, ketama-8bit is needed',
  );
  assert.deepEqual(
    parse('-s [::1]:5*2 -b b*3').command.proxy.pools[0]?.servers.map(({ weight }) => weight),
    [2, 3],
  );
});

test('the file of magent 0.7, and what the command line says besides', () => {
  const said = {
    mains: [{ host: 'm', port: 1, text: 'm:1' }],
    backups: [{ host: 'b', port: 2, text: 'b:2' }],
    port: 11215,
    host: '127.1',
    connectionsMax: 50,
    distribution: 'ketama',
    daemon: false,
    verbosity: 0,
  } as const;
  const names: unknown[] = [];
  const read = (...words: string[]): MagentCommand => {
    const line = parseMagent(called(['-c', 'magent.conf', ...words]), (file) => {
      names.push(file);
      return said;
    });
    assert.equal(line.kind, 'run');
    return line.command;
  };
  const { proxy, daemon, file } = read();
  assert.deepEqual(names, [{ path: '/here/magent.conf', shown: 'magent.conf' }]);
  assert.deepEqual(file, names[0]);
  assert.equal(daemon, false);
  assert.equal(proxy.connectionsMax, 50);
  const [pool] = proxy.pools;
  assert.deepEqual(pool?.listen, [{ host: '127.0.0.1', port: 11215 }]);
  assert.deepEqual(pool.servers, [...said.mains, ...said.backups]);
  assert.deepEqual(pool.routing, { kind: 'magent', mains: 1, distribution: 'ketama' });
  const other = read('-p', '5', '-l', '127.0.0.2', '-n', '7', '-s', 'x', '-s', 'y', '-v').proxy;
  assert.deepEqual(other.pools[0]?.listen, [{ host: '127.0.0.2', port: 5 }]);
  assert.deepEqual(
    other.pools[0].servers.map(({ text }) => text),
    ['x', 'y', 'b:2'],
  );
  assert.deepEqual([other.connectionsMax, other.verbosity], [7, 1]);
});
