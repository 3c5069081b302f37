/* `twincached top` on a pseudo terminal, over the page of a cluster that does what the test says. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Dashboard } from '../../src/dashboard/dashboard.ts';
import { FakeCluster, serviceOf } from '../../testing/fake-cluster.ts';
import { run, TWINCACHED } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';

const HOST = fileURLToPath(new URL('../../../testing/terminal-host.py', import.meta.url));
const hasPython = spawnSync('python3', ['-c', 'import pty, os; os.waitstatus_to_exitcode']).status === 0;
const onTerminal = { skip: hasPython ? false : 'python3 is not installed' };

async function cluster(t: TestContext): Promise<{ readonly fake: FakeCluster; readonly port: number }> {
  const fake = new FakeCluster([
    serviceOf('one-a'),
    serviceOf('one-b'),
    serviceOf('users', { role: 'proxy' }),
  ]);
  const dashboard = new Dashboard(fake);
  const port = await dashboard.start(0);
  t.after(() => dashboard.stop());
  return { fake, port };
}

interface Terminal {
  /** Everything that was shown so far. */
  text(): string;
  /** What was shown since the last call. */
  fresh(): string;
  type(keys: string): void;
  pid(): number;
  /** The last line of the host: how the program ended, and how it has left the terminal. */
  end(): Promise<string>;
}

function terminal(t: TestContext, words: readonly string[]): Terminal {
  const child: ChildProcess = spawn('python3', [HOST, process.execPath, TWINCACHED, 'top', ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TERM: 'xterm' },
  });
  let text = '';
  let seen = 0;
  child.stdout?.setEncoding('utf8');
  child.stdout?.on('data', (chunk: string) => {
    text += chunk;
  });
  const closed = once(child, 'close');
  const pid = (): number => Number(/<<pid=(\d+)>>/.exec(text)?.[1] ?? 0);
  t.after(async () => {
    if (child.exitCode !== null) return;
    if (pid() > 0) process.kill(pid(), 'SIGKILL');
    await closed;
  });
  return {
    text: () => text,
    fresh: () => {
      const found = text.slice(seen);
      seen = text.length;
      return found;
    },
    type: (keys) => void child.stdin?.write(keys),
    pid,
    end: async () => {
      await closed;
      return /<<exit=.*>>/.exec(text)?.[0] ?? '';
    },
  };
}

const LEFT_WELL = '<<exit=0 echo=1 canonical=1>>';
const RESTORED = '\x1b[?25h\x1b[?1049l';

async function opened(t: TestContext, port: number, ...words: string[]): Promise<Terminal> {
  const shown = terminal(t, ['--page-port', `${port}`, '--interval', '0.1', ...words]);
  await until('the first picture', () => /test: ok.*SERVICE/s.test(shown.text()));
  return shown;
}

test(
  'it shows what happens, obeys keys and the size, and leaves the terminal as it was',
  onTerminal,
  async (t) => {
    const { fake, port } = await cluster(t);
    const shown = await opened(t, port);
    assert.ok(shown.text().includes('\x1b[?1049h\x1b[?25l'));
    shown.fresh();
    fake.become([serviceOf('one-a', { state: 'failing' }), serviceOf('one-b')], 'one-a hangs');
    await until(
      'the change',
      () => /failing/.test(shown.text()) && shown.text().includes('test: one-a hangs'),
    );
    assert.ok(!shown.fresh().includes('one-b'), 'lines that are the same are not sent again');
    shown.type('\x1b[B\r');
    await until('the details', () => /title +the service one-a/.test(shown.text()));
    shown.fresh();
    shown.type('\x1bh');
    await until('the help', () => shown.text().includes('quit'));
    shown.type('h');
    await until('the table', () => shown.fresh().includes('SERVICE'));
    shown.type('\x0010 40\n');
    await until('the new size', () => {
      const rows = [
        ...shown
          .fresh()
          .replaceAll('\x1b', 'ESC')
          .matchAll(/ESC\[(\d+);1H/g),
      ].map(([, row]) => Number(row));
      return rows.length > 3 && Math.max(...rows) <= 10;
    });
    shown.type('q');
    assert.equal(await shown.end(), LEFT_WELL);
    assert.ok(shown.text().includes(RESTORED));
  },
);

test('however it ends, the terminal is as it was', onTerminal, async (t) => {
  const { port } = await cluster(t);
  const ends: readonly (readonly [string, (shown: Terminal) => void])[] = [
    ['Ctrl-C', (shown) => shown.type('\x03')],
    ['SIGINT', (shown) => void process.kill(shown.pid(), 'SIGINT')],
    ['SIGTERM', (shown) => void process.kill(shown.pid(), 'SIGTERM')],
    ['SIGHUP', (shown) => void process.kill(shown.pid(), 'SIGHUP')],
  ];
  await Promise.all(
    ends.map(async ([what, end]) => {
      const shown = await opened(t, port);
      end(shown);
      assert.equal(await shown.end(), LEFT_WELL, what);
      assert.ok(shown.text().includes(RESTORED), what);
    }),
  );
});

test('Ctrl-Z gives the terminal back until the program is continued', onTerminal, async (t) => {
  const { port } = await cluster(t);
  const shown = await opened(t, port);
  shown.type('\x1a');
  await until('it stands aside', () => shown.text().includes(RESTORED));
  shown.fresh();
  await until('it is back', () => {
    process.kill(shown.pid(), 'SIGCONT');
    const text = shown.text().slice(shown.text().indexOf(RESTORED)).replaceAll('\x1b', 'ESC');
    return /ESC\[\?1049h.*SERVICE/s.test(text);
  });
  shown.type('q');
  assert.equal(await shown.end(), LEFT_WELL);
});

test('a monitor that is gone is told of, and the last picture stays', onTerminal, async (t) => {
  const fake = new FakeCluster([serviceOf('one-a')]);
  const dashboard = new Dashboard(fake);
  const port = await dashboard.start(0);
  const shown = await opened(t, port);
  await dashboard.stop();
  await until('the word', () => /no answer: no monitor runs/.test(shown.text()));
  shown.type('q');
  assert.equal(await shown.end(), LEFT_WELL);
});

test('without a terminal it is shown once; as JSON once or again and again', async (t) => {
  const { fake, port } = await cluster(t);
  for (const words of [[], ['--once']]) {
    const once = run(process.execPath, [TWINCACHED, 'top', '--page-port', `${port}`, ...words]);
    assert.equal(await once.ended(), 0, once.stderr());
    assert.match(once.stdout(), /^test: ok .*\n\nSERVICE .*\none-a +running .*\none-b .*\nusers /);
    assert.ok(!once.stdout().includes('\x1b'));
  }
  fake.become([serviceOf('one-a', { state: 'failing' })]);
  const json = run(process.execPath, [TWINCACHED, 'top', '--page-port', `${port}`, '--json', '--once']);
  assert.equal(await json.ended(), 1, 'something is down');
  // Cast: our own program's answer; a wrong shape fails the assertions that follow.
  const value = JSON.parse(json.stdout()) as {
    state: string;
    services: { name: string; cpuPercent: number }[];
  };
  assert.deepEqual(
    [value.state, value.services[0]?.name, value.services[0]?.cpuPercent],
    ['failing', 'one-a', 1.5],
  );
  const stream = run(process.execPath, [
    TWINCACHED,
    'top',
    '--page-port',
    `${port}`,
    '--json',
    '--interval',
    '0.1',
  ]);
  await until('three lines', () => stream.stdout().split('\n').length > 3);
  await stream.kill('SIGTERM');
  for (const [words, message] of [
    [['--interval', '0'], "twincached top: option '--interval' takes seconds from 0.1 to 3600, not '0'\n"],
    [['x', 'y'], "twincached top: unexpected argument 'y'\n"],
  ] as const) {
    const wrong = run(process.execPath, [TWINCACHED, 'top', ...words]);
    assert.equal(await wrong.ended(), 1);
    assert.equal(wrong.stderr(), message);
  }
});
