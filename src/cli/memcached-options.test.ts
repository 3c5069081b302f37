import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StartError } from '../base/start-error.ts';
import { NODE_OPTIONS_DEFAULT, type NodeOptions } from '../node/options.ts';
import { type MemcachedCommand, parseMemcached } from './memcached-options.ts';
import { memcachedHelp } from './memcached-table.ts';

function called(words: readonly string[]): Parameters<typeof parseMemcached>[0] {
  return { program: 'memcached', words, directory: '/here', environment: {} };
}

function parse(
  words: string,
  replicates = false,
): { command: MemcachedCommand; warnings: readonly string[] } {
  const line = parseMemcached(called(words.split(' ').filter((word) => word !== '')), replicates);
  assert.equal(line.kind, 'run');
  return line;
}

function node(words: string, replicates = false): NodeOptions {
  return parse(words, replicates).command.node;
}

/** What a bad command line comes to: the message and the exit code. */
function refusal(words: readonly string[]): readonly [string, number] {
  try {
    parseMemcached(called(words), false);
  } catch (error) {
    if (error instanceof StartError) return [error.message, error.exitCode];
    throw error;
  }
  return ['accepted', 0];
}

test('nothing said: the defaults', () => {
  assert.deepEqual(parse(''), {
    kind: 'run',
    command: {
      node: NODE_OPTIONS_DEFAULT,
      process: { daemon: false, pidFile: null, user: null, coreDumps: false },
    },
    warnings: [],
  });
});

test('the lines of the published guides', () => {
  const first = parse(
    '-d -m 100 -l 127.0.0.1 -p 11211 -u root -c 1024 -X 11212 -P /tmp/memcached-rep.pid',
  ).command;
  assert.deepEqual(first.process, {
    daemon: true,
    pidFile: '/tmp/memcached-rep.pid',
    user: 'root',
    coreDumps: false,
  });
  assert.deepEqual(first.node, {
    ...NODE_OPTIONS_DEFAULT,
    memoryBytesMax: 100 * 1024 * 1024,
    listen: [{ host: '127.0.0.1', port: null }],
    replication: { ...NODE_OPTIONS_DEFAULT.replication, peers: [], port: 11212, queueMax: 8192 },
  });
  const second = node('-v -d -p 11221 -u root -P /tmp/memcached1.pid -x 127.0.0.1 -X 11111');
  assert.deepEqual(second.replication, {
    ...NODE_OPTIONS_DEFAULT.replication,
    peers: ['127.0.0.1'],
    port: 11111,
    queueMax: 8192,
  });
  assert.equal(second.verbosity, 1);
  assert.equal(second.tcpPort, 11221);
  // The test suite of repcached.
  const third = node('-l 127.0.0.1 -x 127.0.0.1 -X 5000 -q 65536 -p 5001 -U 5001 -u root');
  assert.deepEqual(third.replication, {
    ...NODE_OPTIONS_DEFAULT.replication,
    peers: ['127.0.0.1'],
    port: 5000,
    queueMax: 65536,
  });
  assert.equal(third.udpPort, 5001);
});

/** A command line and the fields that it changes. */
const CHANGES: readonly (readonly [string, Partial<NodeOptions>])[] = [
  ['-p11200', { tcpPort: 11200 }],
  ['-vp11200 -vv', { tcpPort: 11200, verbosity: 3 }],
  ['--port=1 --port 2', { tcpPort: 2 }],
  ['-p 0', { tcpPort: null }],
  ['-p -1', { tcpPort: 0 }],
  ['-U 22', { udpPort: 22, tcpPort: 22 }],
  ['-U 22 -p 11211', { udpPort: 22, tcpPort: 11211 }],
  ['-U 0', { udpPort: null }],
  ['-p 0 -U -1', { tcpPort: null, udpPort: 0 }],
  ['-p 65535', { tcpPort: 65535 }],
  ['-s sock -a 777', { unixPath: '/here/sock', unixMode: 0o777 }],
  ['-s /a/b', { unixPath: '/a/b' }],
  ['-m 1024', { memoryBytesMax: 1073741824 }],
  // The unit that is meant anyway.
  ['-m 1024m', { memoryBytesMax: 1073741824 }],
  ['-m 1024MB', { memoryBytesMax: 1073741824 }],
  ['-M', { evict: false }],
  ['-c 51200', { connectionsMax: 51200 }],
  ['-t 1', { threads: 1 }],
  ['-f 1.07 -n 100', { growthFactor: 1.07, chunkBytesMin: 100 }],
  ['-f 2', { growthFactor: 2 }],
  ['-I 512k', { itemBytesMax: 524288 }],
  ['-I 2M', { itemBytesMax: 2097152 }],
  ['-m 2048 -I 1g', { memoryBytesMax: 2 ** 31, itemBytesMax: 2 ** 30 }],
  ['-I 1048576', { itemBytesMax: 1048576 }],
  ['-R 5 -b 7', { requestsPerEventMax: 5, backlog: 7 }],
  ['-C -F -W -A', { casEnabled: false, flushEnabled: false, watchEnabled: false, shutdownEnabled: true }],
  ['-B ascii', { protocol: 'ascii' }],
  ['-D _x', { prefixDelimiter: '_', detailEnabled: true }],
  ['-r', {}],
  ['-k -L', { memoryLocked: true, largePages: true }],
  ['-X', { dumpEnabled: false }],
  ['--disable-dumping', { dumpEnabled: false }],
  ['-Xv', { dumpEnabled: false, verbosity: 1 }],
  ['-X5', { replication: { ...NODE_OPTIONS_DEFAULT.replication, peers: [], port: 5, queueMax: 8192 } }],
  ['-X 0', { replication: { ...NODE_OPTIONS_DEFAULT.replication, peers: [], port: 0, queueMax: 8192 } }],
  [
    '-x a',
    { replication: { ...NODE_OPTIONS_DEFAULT.replication, peers: ['a'], port: 11212, queueMax: 8192 } },
  ],
  [
    '-x a -x b,c:3',
    {
      replication: {
        ...NODE_OPTIONS_DEFAULT.replication,
        peers: ['a', 'b', 'c:3'],
        port: 11212,
        queueMax: 8192,
      },
    },
  ],
  [
    '--replication-peer=a --replication-port 5 --replication-queue=6',
    { replication: { ...NODE_OPTIONS_DEFAULT.replication, peers: ['a'], port: 5, queueMax: 6 } },
  ],
];

for (const [words, change] of CHANGES) {
  test(`"${words}" changes ${Object.keys(change).join(', ') || 'nothing'}`, () => {
    assert.deepEqual(node(words), { ...NODE_OPTIONS_DEFAULT, ...change });
  });
}

test('repcached has its replication port open in any case', () => {
  assert.equal(node('', true).replication.port, 11212);
  assert.equal(node('-X 7', true).replication.port, 7);
});

test('addresses to listen on', () => {
  const hosts = (words: string): unknown[] => node(words).listen.map(({ host, port }) => [host, port]);
  assert.deepEqual(hosts('-l 127.0.0.1,127.0.0.2:5'), [
    ['127.0.0.1', null],
    ['127.0.0.2', 5],
  ]);
  assert.deepEqual(hosts('-l a -l b;c:0,,d'), [
    ['a', null],
    ['b', null],
    ['c', 0],
    ['d', null],
  ]);
  assert.deepEqual(hosts('-l [::1]:5 -l ::1 -l [::1] -l localhost:9'), [
    ['::1', 5],
    ['::1', null],
    ['::1', null],
    ['localhost', 9],
  ]);
  assert.deepEqual(hosts('-Z -o ssl_chain_cert=c -l *:5 -l notls:127.0.0.1:6'), [
    [null, 5],
    ['127.0.0.1', 6],
  ]);
});

test('extended options', () => {
  const extended = (words: string): unknown => {
    const options = node(`-o ${words}`).extended;
    const changed = Object.entries(options).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(DEFAULTS.get(name)),
    );
    return Object.fromEntries(changed);
  };
  const DEFAULTS = new Map<string, unknown>(Object.entries(NODE_OPTIONS_DEFAULT.extended));
  assert.deepEqual(
    extended('modern,maxconns_fast,lru_crawler,slab_reassign,slab_automove,drop_privileges,'),
    {},
  );
  assert.deepEqual(extended('no_maxconns_fast,hashpower=20,no_hashexpand -o hash_algorithm=jenkins'), {
    connectionsMaxFast: false,
    hashPowerInitial: 20,
    hashExpand: false,
    hashAlgorithm: 'jenkins',
  });
  assert.deepEqual(extended('no_modern'), {
    connectionsMaxFast: false,
    slabReassign: false,
    slabAutomove: 0,
    slabChunkBytesMax: 1048576,
    lruCrawler: false,
    hashAlgorithm: 'jenkins',
    lruMaintainer: false,
    lruSegmented: false,
  });
  assert.equal(node('-o no_modern,lru_maintainer').extended.lruSegmented, true, 'it brings its segments');
  assert.deepEqual(extended('slab_chunk_max=16384,slab_sizes=100-200-,idle_timeout=3,temporary_ttl=61'), {
    slabChunkBytesMax: 16384,
    slabSizes: [100, 200],
    idleTimeoutSeconds: 3,
    temporaryTtlSeconds: 61,
  });
  assert.deepEqual(extended('watcher_logbuf_size=1,worker_logbuf_size=2,read_buf_mem_limit=3,track_sizes'), {
    watcherBufferBytes: 1024,
    workerBufferBytes: 2048,
    readBufferBytesMax: 3 * 1024 * 1024,
    trackSizes: true,
  });
  assert.deepEqual(parse('-o resp_obj_mem_limit=1').warnings, [
    'DEPRECATED: resp_obj_mem_limit has no effect any more; see read_buf_mem_limit',
  ]);
});

/** Command lines that memcached takes in silence, or misreads: ours are refused in one line that names option and value. */
const OURS: readonly (readonly [readonly string[], string, number])[] = [
  [
    ['-p', 'abc'],
    'Invalid value "abc" for -p: a port from 0 (none) to 65535 is needed, or -1 for any free one',
    1,
  ],
  [
    ['--port=11x'],
    'Invalid value "11x" for --port: a port from 0 (none) to 65535 is needed, or -1 for any free one',
    1,
  ],
  [['-U', '70000'], 'ERROR: Invalid port number 70000.', 64],
  [['-X', '70000'], 'ERROR: Invalid port number 70000.', 64],
  [
    ['-X', 'abc'],
    'Invalid value "abc" for -X: a replication port from 0 (any free one) to 65535 is needed',
    1,
  ],
  [['-m', 'abc'], 'Invalid value "abc" for -m: a whole number from 0 to 30720 is needed', 1],
  [['-m', '-1'], 'Invalid value "-1" for -m: a whole number from 0 to 30720 is needed', 1],
  [['-m', '1g'], 'Invalid value "1g" for -m: a whole number from 0 to 30720 is needed', 1],
  [['-m', 'm'], 'Invalid value "m" for -m: a whole number from 0 to 30720 is needed', 1],
  [['-t', '4x'], 'Invalid value "4x" for -t: a whole number from 1 to 256 is needed', 1],
  [['-t', '257'], 'Invalid value "257" for -t: a whole number from 1 to 256 is needed', 1],
  [['-c', '10k'], 'Invalid value "10k" for -c: a whole number from 1 to 2147483647 is needed', 1],
  [['-b', 'x'], 'Invalid value "x" for -b: a whole number from 0 to 2147483647 is needed', 1],
  [['-R', '-1'], 'Number of requests per event must be greater than 0', 1],
  [['-n', '-1'], 'Chunk size must be greater than 0', 1],
  [['-n', '600000'], 'Chunk size (-n 600000) must not be greater than the largest chunk of 524288 bytes', 1],
  [
    ['-I', '2000x'],
    'Invalid value "2000x" for -I: a number of bytes is needed, or one with the suffix k, m or g',
    1,
  ],
  [['-a', '999'], 'Invalid value "999" for -a: an access mode in octal, such as 770, is needed', 1],
  [['-l', ''], 'Invalid value "" for -l: an address to listen on is needed', 1],
  [['-l', '[::1'], 'Invalid value "[::1" for -l: an address to listen on is needed', 1],
  [['-l', '127.0.0.1:abc'], 'Invalid port number: "abc" (-l 127.0.0.1:abc)', 71],
  [['-l', 'a:70000'], 'Invalid port number: "70000" (-l a:70000)', 71],
  [['-l', 'mtls:a'], "'notls', 'btls' and 'mtls' (-l) are valid only when SSL is enabled (-Z)", 71],
  [['-Z'], '-Z: a certificate is needed: -o ssl_chain_cert=FILE', 1],
  [['-o', 'ssl_verify_mode=4'], 'Invalid ssl_verify_mode. Use help to see valid options.', 1],
  [['-o', 'ssl_verify_mode=x'], 'could not parse argument to ssl_verify_mode', 1],
  [['-o', 'ssl_min_version=-1'], 'Invalid ssl_min_version. Use help to see valid options.', 1],
  [['-o', 'ssl_key'], 'Missing ssl_key argument', 1],
  [['-o', 'ssl_wbuf_size=x'], 'could not parse argument to ssl_wbuf_size', 1],
  [['-o', 'ssl_keyformat=x'], 'could not parse argument to ssl_keyformat', 1],
  [['-q', '0'], 'Invalid value "0" for -q: a whole number from 1 to 2147483647 is needed', 1],
  [['-x', ''], 'Invalid value "" for -x: the address of a twin is needed', 1],
  [['-P', ''], 'Invalid value "" for -P: a file name is needed', 1],
  [['-s', ''], 'Invalid value "" for -s: a file name is needed', 1],
  [
    ['-s', 'x'.repeat(120)],
    `Invalid value "${'x'.repeat(120)}" for -s: the path is too long for a socket (126 bytes; most: 107)`,
    1,
  ],
  [['-Y', ''], 'Invalid value "" for -Y: a file name is needed', 1],
  [['-Y', 'f', '-U', '5'], 'Cannot use UDP with ascii authentication enabled (-U 0 to disable)', 64],
  [
    ['-Y', 'f', '-B', 'auto'],
    'ERROR: You cannot allow the BINARY protocol while using ascii authentication tokens.',
    64,
  ],
  [['-o', 'idle_timeout=x'], 'Invalid value "x" for -o idle_timeout: a whole number is needed', 1],
  [['-o', 'idle_timeout=-1'], 'Invalid value "-1" for -o idle_timeout: seconds, 0 or more, are needed', 1],
  [['-o', 'slab_sizes'], 'Missing slab_sizes argument', 1],
  [['-o', 'slab_sizes=-'], 'slab size 0 is out of valid range', 64],
  [['-o', 'slab_chunk_max=0'], 'slab_chunk_max (bytes: 0) must be at least 512 bytes', 1],
];

for (const [words, message, code] of OURS) {
  test(`${JSON.stringify(words)} is refused clearly`, () => {
    assert.deepEqual(refusal(words), [message, code]);
  });
}

test('the longest path for a socket just fits', () => {
  assert.equal(refusal(['-s', `/${'x'.repeat(106)}`])[0], 'accepted');
  assert.notEqual(refusal(['-s', `/${'x'.repeat(107)}`])[0], 'accepted');
});

test('help, version and licence answer at once, behind the errors that stand before them', () => {
  const answer = (...words: string[]): string => {
    const line = parseMemcached(called(words), false);
    return line.kind === 'answer' ? line.text : 'none';
  };
  assert.equal(answer('-V', '-t', '0'), 'memcached 1.6.45\n');
  assert.match(answer('-i'), /^memcached 1\.6\.45\n\n.*MIT License/);
  assert.match(answer('-hz'), /^memcached 1\.6\.45\ntwincached \d/);
  assert.equal(refusal(['-t', '0', '-h'])[0], 'Number of threads must be greater than 0');
});

test('the help text shows what test suites look for, and not what would switch on what is not there', () => {
  const help = memcachedHelp();
  assert.match(help, /^-x <ip_addr>/m);
  assert.match(help, /^-X <num>/m);
  assert.match(help, /--unix-socket/);
  assert.match(help, /--enable-sasl/);
  assert.match(help, /--enable-ssl/);
  for (const word of ['proxy_config', 'ext_path', 'no_drop_privileges'])
    assert.ok(!help.includes(word), `the help text has the word ${word}`);
});

test('SASL implies the binary protocol, refuses what would go round it, and needs its file', () => {
  const parseSasl = (words: string, environment: NodeJS.ProcessEnv): NodeOptions => {
    const line = parseMemcached({ ...called(words.split(' ')), environment }, false);
    assert.ok(line.kind === 'run');
    return line.command.node;
  };
  const file = { MEMCACHED_SASL_PWDB: 'users' };
  for (const words of ['-S', '--enable-sasl', '-S -B binary', '-B binary -S']) {
    const { protocol, saslPasswordFile } = parseSasl(words, file);
    assert.deepEqual([protocol, saslPasswordFile], ['binary', '/here/users'], words);
  }
  assert.deepEqual(parseSasl('-B binary', file), { ...NODE_OPTIONS_DEFAULT, protocol: 'binary' });
  const ascii = 'ERROR: You cannot allow the ASCII protocol while using SASL.';
  assert.deepEqual(refusal(['-S', '-B', 'ascii']), [ascii, 64]);
  assert.deepEqual(refusal(['-B', 'auto', '-S']), [ascii, 64]);
  const udp = 'ERROR: Cannot enable UDP while using binary SASL authentication.';
  assert.deepEqual(refusal(['-S', '-U', '11299']), [udp, 64]);
  assert.deepEqual(refusal(['-S', '-U', '-1']), [udp, 64]);
  assert.match(refusal(['-S', '-U', '0'])[0], /^-S: the environment variable MEMCACHED_SASL_PWDB must name/);
});

test('a login and TLS, with files in full', () => {
  const { authFile, protocol } = node('-Y users');
  assert.deepEqual([authFile, protocol], ['/here/users', 'ascii']);
  const words =
    'ssl_chain_cert=c.pem,ssl_key=/k.pem,ssl_verify_mode=2,ssl_ca_cert=a.pem,ssl_ciphers=HIGH,ssl_wbuf_size=64,ssl_min_version=3,ssl_keyformat=2';
  const { tls, listen } = node(`-Z -o ssl_session_cache,${words} -l notls:a,mtls:b:5,btls:[::1]:6,c`);
  assert.deepEqual(tls, {
    chainFile: '/here/c.pem',
    keyFile: '/k.pem',
    keyFormat: 'der',
    verifyMode: 2,
    authoritiesFile: '/here/a.pem',
    ciphers: 'HIGH',
    writeBufferBytes: 65536,
    sessionCache: true,
    kernelTls: false,
    versionMin: 'TLSv1.3',
  });
  assert.deepEqual(
    listen.map((address) => address.tls),
    ['none', 'mutual', 'basic', undefined],
  );
  assert.equal(node('-o ssl_chain_cert=c').tls, null);
});

test("the clock is a test suite's to move only where it says so", () => {
  const line = parseMemcached({ ...called([]), environment: { MEMCACHED_DEBUG: '1' } }, false);
  assert.ok(line.kind === 'run' && line.command.node.debugCommands);
  assert.equal(node('').debugCommands, false);
});

test('a word that belongs to no option is only told of', () => {
  assert.deepEqual(parse('-p 1 stray').warnings, ['memcached: ignoring "stray", which belongs to no option']);
});

test('whatever is typed, there is an answer, a start or one clear refusal', () => {
  const letters = [...'pUlsaumMcktvdPhIfnVxXqRCbBFDAWrLiozS'];
  const word = fc.oneof(
    fc.constantFrom(...letters).map((letter) => `-${letter}`),
    fc.constantFrom(
      '1',
      '0',
      '-1',
      '70000',
      '1m',
      '127.0.0.1',
      'hashpower=12',
      'slab_sizes=96-200',
      '1.5',
      '',
    ),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (words) => {
      const [message, code] = refusal(words);
      assert.ok(message !== '' && code >= 0 && code < 128);
    }),
    { numRuns: 1000 },
  );
});
