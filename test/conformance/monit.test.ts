/* Our monit beside Debian's, over the same control file: the same words, columns and exit codes for scripts to read. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isAlive } from '../../testing/daemons.ts';
import { pidIn } from '../../testing/monit-runner.ts';
import { freePorts, run, TWINCACHED } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';

const MONIT = existsSync('/usr/bin/monit') ? '/usr/bin/monit' : null;

interface Outcome {
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** One of the two, with a folder and a port of its own. */
class Program {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'twincached-monit-'));
  readonly #command: readonly string[];
  readonly port: number;

  constructor(command: readonly string[], port: number) {
    this.#command = command;
    this.port = port;
    const file = join(this.folder, 'monitrc');
    writeFileSync(
      file,
      `set daemon 1
set pidfile ${this.folder}/pid
set statefile ${this.folder}/state
set idfile ${this.folder}/id
set httpd port ${port} and use address 127.0.0.1 allow admin:monit allow v:w2 read-only
check system here
check process one with pidfile ${this.folder}/one
  start program = "/bin/sh -c 'sleep 1000 >/dev/null 2>&1 & echo $! > ${this.folder}/one'"
  group mine
check file a-name-that-is-much-longer-than-its-column with path /etc/passwd
check process never with pidfile ${this.folder}/never mode passive
check file file with path /etc/passwd
  if failed checksum then alert
check file missing with path ${this.folder}/missing
check directory folder with path ${this.folder}
check fifo no-fifo with path /etc/passwd
check network loop with interface lo
check network gone with interface nosuch0
check filesystem root with path /
check host local with address 127.0.0.1
  if failed port ${port} then alert
check program fine with path /bin/true
  if status != 0 then alert
`,
    );
    chmodSync(file, 0o600);
  }

  async type(...words: readonly string[]): Promise<Outcome> {
    const [program = '', ...args] = this.#command;
    const typed = run(program, [...args, '-c', join(this.folder, 'monitrc'), ...words], {
      HOME: this.folder,
    });
    const code = await typed.exited();
    return { code, stdout: typed.stdout(), stderr: typed.stderr() };
  }

  async start(): Promise<void> {
    await this.type();
    await until('everything was looked at', async () => {
      const { stdout } = await this.type('-B', 'status');
      // Of what is a rate something is known from the second look on.
      return (
        !/Initializing|^ {2}last exit value +-$/m.test(stdout) &&
        /^Process 'one'\n( {2}.*\n)* {2}cpu total +\d/m.test(stdout)
      );
    });
  }

  async get(path: string, init: RequestInit = {}, user = 'admin:monit'): Promise<Response> {
    const headers = { authorization: `Basic ${Buffer.from(user).toString('base64')}`, ...init.headers };
    return fetch(`http://127.0.0.1:${this.port}${path}`, { redirect: 'manual', ...init, headers });
  }

  async dispose(): Promise<void> {
    const daemon = pidIn(join(this.folder, 'pid'));
    await this.type('quit');
    if (daemon !== null) await until('the daemon ends', () => !isAlive(daemon));
    const one = pidIn(join(this.folder, 'one'));
    if (one !== null && isAlive(one)) process.kill(one, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

describe('ours and monit', { skip: MONIT === null ? 'monit is not installed' : false }, () => {
  let ours: Program;
  let theirs: Program;
  before(async () => {
    const [a = 0, b = 0] = await freePorts(2);
    ours = new Program([process.execPath, TWINCACHED, 'monit'], a);
    theirs = new Program([MONIT ?? ''], b);
    await Promise.all([ours.start(), theirs.start()]);
  });
  after(async () => {
    await Promise.all([ours.dispose(), theirs.dispose()]);
  });

  /** What both say to the same words. */
  const both = (...words: string[]): Promise<[Outcome, Outcome]> =>
    Promise.all([ours.type(...words), theirs.type(...words)]);

  test('print the same summary, line for line', async () => {
    const [a, b] = await both('-B', 'summary');
    // Monit ends its rows with the padding of the last column or without, by the terminal.
    const lines = ({ stdout }: Outcome): string[] => stdout.split('\n').map((line) => line.trimEnd());
    assert.deepEqual(lines(a), lines(b));
  });

  test('print the same report', async () => {
    const [a, b] = await both('report');
    assert.deepEqual(a, b);
    for (const type of ['up', 'down', 'initialising', 'unmonitored', 'total']) {
      const [one, other] = await both('report', type);
      assert.deepEqual(one, other, type);
    }
  });

  test('print the same status, block for block and line for line, but for the figures', async () => {
    // Ours alone; and figures of moments, which may be of another unit the next.
    const own = /^ {2}(reason|restarts|next start) /;
    const plain = ({ stdout }: Outcome): string[] =>
      stdout
        .split('\n')
        .filter((line) => !own.test(line))
        .map((line) =>
          line
            .replace(/^Fri|Sat|Sun|Mon|Tue|Wed|Thu|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec/g, 'N')
            .replace(/\d+(\.\d+)?/g, 'N')
            .replace(/\b(B|kB|MB|GB|TB)\b/g, 'B')
            .replace(/\bN[dhm]( N[hm])*/g, 'Nm')
            .replace(/(checksum +)\w+/, '$1N')
            .trimEnd(),
        );
    const [a, b] = await both('-B', 'status');
    assert.deepEqual(plain(a), plain(b));
  });

  test('refuse the same with the same words', async () => {
    for (const words of [
      ['start', 'nobody'],
      ['start'],
      ['bogus'],
      ['-g', 'nogroup', 'start', 'all'],
      ['status', 'nobody'],
      ['summary', 'nobody'],
      ['report', 'bogus'],
    ]) {
      const [a, b] = await both(...words);
      assert.deepEqual(a, b, words.join(' '));
    }
  });

  test('say the same of their options, and where no daemon is needed or there is none', async () => {
    const elsewhere = '/nowhere/at-all';
    for (const words of [
      ['-p', elsewhere, 'quit'],
      ['-p', elsewhere, 'reload'],
      ['-p', elsewhere, 'summary'],
      ['-t'],
      ['-c', elsewhere, '-t'],
      ['-c', '/etc', '-t'],
      ['-d', '0'],
      ['-d', 'x'],
      ['-Z'],
      ['-g'],
      ['procmatch'],
      ['procmatch', 'no such process at all'],
      ['-H', '/etc/passwd'],
    ]) {
      const [a, b] = await both(...words);
      // Monit alone minds an option that is given twice, as these are because of what is always given.
      const stderr = b.stderr.replace(/^WARNING: The -c option .*\n/, '');
      assert.deepEqual(a, { ...b, stderr }, words.join(' '));
    }
  });

  test('take commands alike', async () => {
    for (const words of [
      ['unmonitor', 'file'],
      ['-g', 'mine', 'unmonitor', 'all'],
      ['monitor', 'FILE'],
    ]) {
      const [a, b] = await both(...words);
      assert.deepEqual([a.code, a.stdout], [b.code, b.stdout], words.join(' '));
    }
    const summary = async (program: Program): Promise<string> => (await program.type('-B', 'summary')).stdout;
    for (const program of [ours, theirs])
      await until('both are carried out', async () => {
        const text = await summary(program);
        return /^ one +Not monitored/m.test(text) && /^ file +OK/m.test(text);
      });
  });

  test('a restart of a group starts those of it that are stopped', async () => {
    const pids = [ours, theirs].map(({ folder }) => pidIn(join(folder, 'one')) ?? 0);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    const [a, b] = await both('-g', 'mine', 'restart');
    assert.deepEqual([a.code, a.stdout], [b.code, b.stdout]);
    for (const [index, { folder }] of [ours, theirs].entries())
      await until('it runs anew', () => {
        const pid = pidIn(join(folder, 'one'));
        return pid !== null && pid !== pids[index] && isAlive(pid);
      });
  });

  test('answer the same paths with the same status, type and headers', async () => {
    const facts = async (
      program: Program,
      path: string,
      init?: RequestInit,
      user?: string,
    ): Promise<unknown> => {
      const response = await program.get(path, init, user);
      await response.text();
      return {
        status: response.status,
        type: response.headers.get('content-type')?.split(';')[0],
        server: response.headers.get('server'),
        frames: response.headers.get('x-frame-options'),
        realm: response.headers.get('www-authenticate'),
        hasToken: /^securitytoken=[0-9a-f]{32}; Max-Age=600; HttpOnly; SameSite=strict/.test(
          response.headers.get('set-cookie') ?? '',
        ),
      };
    };
    const post = (body: string): RequestInit => ({ method: 'POST', body: new URLSearchParams(body) });
    for (const [path, init, user] of [
      ['/'],
      ['/one'],
      ['/one?action=stop'],
      ['/nobody'],
      ['/_runtime'],
      ['/_about'],
      ['/_ping'],
      ['/_getid'],
      ['/_status'],
      ['/_status?format=xml'],
      ['/_summary'],
      ['/_report'],
      ['/_report?type=bogus'],
      ['/', {}, 'admin:wrong'],
      ['/one', post('action=stop')],
      ['/one', post('action=stop'), 'v:w2'],
    ] as const)
      assert.deepEqual(
        await facts(ours, path, init, user),
        await facts(theirs, path, init, user),
        `${path} ${user}`,
      );
  });

  test('have the same elements in their XML, of themselves, of the host and of each service', async () => {
    /** Each part of the document, as its elements in their order; without those that only ours has. */
    const parts = async (program: Program): Promise<Map<string, string>> => {
      const text = await (await program.get('/_status?format=xml')).text();
      const found = new Map<string, string>();
      for (const [, open = '', body = ''] of text.matchAll(
        /<(server|platform|service type="\d")>(.*?)<\/(?:server|platform|service)>/gs,
      )) {
        const own = body.replace(/<(state|reason)>.*?<\/\1>/g, '');
        const name = open.startsWith('service') ? (/<name>(.*?)<\/name>/.exec(body)?.[1] ?? '') : '';
        found.set(`${open} ${name}`, (own.match(/<\/?\w+/g) ?? []).join(''));
      }
      return found;
    };
    await ours.type('monitor', 'one');
    await theirs.type('monitor', 'one');
    for (const program of [ours, theirs])
      await until('it is looked at', async () =>
        ((await parts(program)).get('service type="3" one') ?? '').includes('<threads'),
      );
    assert.deepEqual(await parts(ours), await parts(theirs));
  });
});
