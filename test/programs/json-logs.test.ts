/* Lines of JSON instead of each program's own: a node, the proxies, the monitors. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AS_ROOT, freePorts, type Running, run, TWINCACHED, twincached } from '../../testing/processes.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

interface Line {
  readonly level: string;
  readonly text: string;
  readonly service?: string;
}

/** Every line must be JSON, with a time, a level, a process and a text. */
function lines(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      // Cast: our own program's line; what it lacks fails the assertions.
      const value = JSON.parse(line) as Line & { time: string; pid: number };
      assert.match(value.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.equal(typeof value.pid, 'number');
      assert.match(value.level, /^(debug|info|warning|error|output)$/);
      assert.equal(typeof value.text, 'string');
      return value;
    });
}

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-json-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

async function end(running: Running): Promise<void> {
  if (running.child.exitCode === null && running.child.signalCode === null) await running.kill();
}

test('a node, its data threads as well, by the option or by the environment', async (t) => {
  for (const [words, environment] of [
    [['--log-format', 'json'], {}],
    [[], { TWINCACHED_LOG_FORMAT: 'json' }],
  ] as const) {
    const [port = 0] = await freePorts(1);
    const node = twincached(
      ['memcached', '-vv', '-p', `${port}`, '-l', '127.0.0.1', '-U', '0', ...AS_ROOT, 'surplus', ...words],
      environment,
    );
    t.after(() => end(node));
    await until('a node', async () => {
      const client = await TextClient.connect(port).catch(() => null);
      if (client === null) return false;
      await client.ask('set a 0 0 1\r\nx');
      client.close();
      return true;
    });
    await until('the trace', () => lines(node.stderr()).some(({ text }) => text.includes('set a 0 0 1')));
    const told = lines(node.stderr());
    assert.ok(told.some(({ level, text }) => level === 'warning' && text.includes('ignoring "surplus"')));
    assert.ok(told.some(({ level, text }) => level === 'debug' && text.includes('set a 0 0 1')));
    await end(node);
    assert.ok(lines(node.stderr()).some(({ text }) => text === 'Exiting normally'));
  }
});

test('what is wrong with the rest of a command line is told in JSON as well; an unknown form is refused', async () => {
  for (const program of ['memcached', 'magent', 'nutcracker', 'proxy', 'monit']) {
    const wrong = twincached([program, '--log-format', 'json', '--no-such-option']);
    assert.notEqual(await wrong.ended(), 0);
    assert.ok(
      lines(wrong.stderr()).some(({ text }) => text.includes('no-such-option')),
      program,
    );
    const unknown = twincached([program, '--log-format', 'xml']);
    assert.equal(await unknown.ended(), 1);
    assert.ok(
      unknown.stderr().includes('Invalid value "xml" for --log-format: classic or json'),
      unknown.stderr(),
    );
  }
  const up = twincached(['up', '--log-format', 'xml']);
  assert.equal(await up.ended(), 1);
  assert.equal(up.stderr(), "twincached up: option '--log-format' takes classic or json, not 'xml'\n");
});

test("the proxies: twemproxy's log, rotated, and the native one", async (t) => {
  const directory = temporary(t);
  const [front, back, stats, native] = await freePorts(4);
  const file = join(directory, 'nutcracker.yml');
  const pool = `main:\n  listen: 127.0.0.1:${front}\n  servers:\n   - 127.0.0.1:${back}:1\n  auto_eject_hosts: false\n`;
  writeFileSync(file, pool);
  const log = join(directory, 'log');
  const nutcracker = twincached([
    ...['nutcracker', '-c', file, '-s', `${stats}`, '-a', '127.0.0.1', '-v', '6', '-o', log],
    ...['--log-format', 'json'],
  ]);
  t.after(() => end(nutcracker));
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  };
  await until('its first lines', () => lines(read(log)).length > 0);
  renameSync(log, `${log}.1`);
  const before = read(`${log}.1`);
  writeFileSync(file, `${pool}  timeout: soon\n`);
  nutcracker.child.kill('SIGHUP');
  await until('lines in the new file', () => lines(read(log)).length > 0);
  assert.equal(read(`${log}.1`).startsWith(before), true);
  await end(nutcracker);

  const configuration = join(directory, 'proxy.yml');
  const good = `listen: 127.0.0.1:${native}\npools: { main: { servers: ["127.0.0.1:${back}"] } }\nroute: { type: shard, pool: main }\n`;
  writeFileSync(configuration, good);
  const proxy = twincached(['proxy', '-c', configuration, '--log-format', 'json', ...AS_ROOT]);
  t.after(() => end(proxy));
  await until('the proxy', async () => {
    const client = await TextClient.connect(native ?? 0).catch(() => null);
    client?.close();
    return client !== null;
  });
  writeFileSync(configuration, `${good}colour: red\n`);
  proxy.child.kill('SIGHUP');
  await until('the complaint', () => lines(proxy.stderr()).some(({ text }) => text.includes('colour')));
  lines(proxy.stderr());
});

test('the monitor of a control file, in its log and on the terminal', async (t) => {
  const directory = temporary(t);
  const control = join(directory, 'monitrc');
  writeFileSync(
    control,
    `set daemon 1
set idfile ${directory}/id
set statefile ${directory}/state
set pidfile ${directory}/pid
check process gone with pidfile ${directory}/gone start program = "/bin/false"
`,
    { mode: 0o600 },
  );
  const log = join(directory, 'log');
  const monit = run(process.execPath, [
    TWINCACHED,
    'monit',
    '-c',
    control,
    '-I',
    '-l',
    log,
    '--log-format',
    'json',
  ]);
  t.after(() => end(monit));
  const found = (text: string): boolean =>
    lines(text).some(({ service, level }) => service === 'gone' && level === 'error');
  await until('what has gone', () => {
    try {
      return found(readFileSync(log, 'utf8')) && found(monit.stdout());
    } catch {
      return false;
    }
  });
});

test('up tells all in JSON, what its processes write as well', async (t) => {
  const directory = temporary(t);
  const [node, replication, page] = await freePorts(3);
  const file = join(directory, 'c.yml');
  writeFileSync(
    file,
    `name: json
shards: [{ name: one, replication-port: ${replication}, memory: 16M, twins: [{ port: ${node} }] }]
proxies: []
page: { port: ${page} }
log: { format: json }
`,
  );
  const up = twincached(['up', file, '-v'], { XDG_STATE_HOME: directory, TWINCACHED_LOG_FORMAT: 'classic' });
  t.after(() => end(up));
  await until('it runs', () => lines(up.stdout()).some(({ text }) => text.startsWith('Your cluster runs')));
  const told = await until('what the node wrote', () => {
    const found = lines(up.stdout());
    return found.some(({ level }) => level === 'output') ? found : null;
  });
  for (const { level, text, service } of told)
    if (level === 'output') {
      assert.equal(service, 'one-a');
      assert.ok(!text.startsWith('{'), 'JSON in JSON');
    }
  await up.kill('SIGINT');
  assert.equal(up.stderr(), '');
  lines(up.stdout());
});
