import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { isAlive } from '../../testing/daemons.ts';
import { MonitRunner, pidIn, untilReplaced } from '../../testing/monit-runner.ts';
import { freePorts } from '../../testing/processes.ts';
import { SmtpServer } from '../../testing/smtp-server.ts';
import { until } from '../../testing/wait.ts';

/** An entry whose daemon is a `sleep`, with the pid file of a real one. */
function sleeper(monit: MonitRunner, name: string, rest = ''): string {
  const pidFile = monit.pidFile(name);
  return `check process ${name} with pidfile ${pidFile}
  start program = "/bin/sh -c 'sleep 1000 > /dev/null 2>&1 & echo $! > ${pidFile}'"
  ${rest}`;
}

describe('monit, the command', () => {
  let monit: MonitRunner;
  before(async () => {
    const [port = 0] = await freePorts(1);
    monit = await MonitRunner.make(port);
  });
  after(() => monit.dispose());

  test('refuses a file with a mistake, or that others may read, and names it', async () => {
    monit.write('set daemon 5\nbogus');
    assert.deepEqual(await monit.type('-t'), {
      code: 1,
      stdout: '',
      stderr: `${monit.controlFile}:7: syntax error 'bogus': expected 'set', 'check' or 'include'\n`,
    });
    monit.write('set daemon 5');
    chmodSync(monit.controlFile, 0o644);
    assert.match((await monit.type()).stderr, /permission 0644 is wrong, maximum 0700 allowed/);
    monit.write('check system here');
    const { code, stderr } = await monit.type();
    assert.equal(code, 1);
    assert.match(stderr, /Poll time is invalid or not defined/);
  });

  test('says what is missing on this host, and goes on', async () => {
    monit.write('set daemon 5\ncheck process x with pidfile /x start program = "/nonexistent/x y"');
    const { code, stderr } = await monit.type('-t');
    assert.equal(code, 0);
    assert.match(stderr, /Program does not exist: '\/nonexistent\/x'/);
    monit.write(
      'set daemon 5\ncheck process x with pidfile /x start program = "/bin/true" as uid nosuchuser',
    );
    assert.match((await monit.type('-t')).stderr, /Requested user not found on the system 'nosuchuser'/);
    const long = `/${'x'.repeat(300)}`;
    monit.write(`set daemon 5\ninclude "${long}"\ncheck process x with pidfile /x start program = "${long}"`);
    const { stderr: warned } = await monit.type('-t');
    assert.match(warned, /include: nothing matches \/x+\n.*Program does not exist: '\/x+'\n$/);
  });

  test('answers without a daemon', async () => {
    monit.write('set daemon 5');
    assert.match((await monit.type('-V')).stdout, /^This is Monit version 5\.33\.0/);
    assert.match((await monit.type('-h')).stdout, /Usage: monit/);
    const id = (await monit.type('-i')).stdout;
    assert.match(id, /^Monit ID: [0-9a-f]{32}\n$/);
    assert.equal((await monit.type('-i')).stdout, id);
    assert.notEqual((await monit.type('-r')).stdout, id);
    assert.deepEqual(await monit.type('summary'), {
      code: 1,
      stdout: '',
      stderr: 'Monit: the monit daemon is not running\n',
    });
    assert.equal((await monit.type('quit')).code, 0);
    assert.match((await monit.type('-z')).stderr, /^Invalid option -- z {2}\(-h will show valid options\)$/m);
    assert.match((await monit.type('-d', '0')).stderr, /-d requires a natural number/);
    monit.write('set daemon 5 check process x with pidfile /x if cpu > 60% for 2 cycles then alert');
    const { stdout: listed } = await monit.type('-t', '-v');
    assert.match(listed, /^ Poll time += 5 seconds with start delay 0 seconds$/m);
    assert.match(listed, /^Process Name += x\n Pid file += \/x\n/m);
    assert.match(listed, /^ Rule += If cpu > 60% for 2 cycles then alert$/m);
    assert.match(listed, /\nControl file syntax OK\n$/);
    monit.write('set daemon 5');
    assert.match(
      (await monit.type('-H', monit.controlFile)).stdout,
      /^SHA1\(.*\) = [0-9a-f]{40}\nMD5\(.*\) {2}= [0-9a-f]{32}\n$/,
    );
    assert.match(
      (await monit.type('procmatch', 'node')).stdout,
      /^List of processes matching pattern "node":\n {4}PID {7}PPID {6}Command\n(.*\n)*? \* +\d+ +\d+ {2}.*node/,
    );
    assert.deepEqual(await monit.type('procmatch', 'no such process at all'), {
      code: 0,
      stdout: 'List of processes matching pattern "no such process at all":\nTotal matches: 0\n',
      stderr: '',
    });
  });

  test('starts, checks and stops without a daemon', async () => {
    monit.write(
      `set daemon 5\n${sleeper(monit, 'alone')}check file other with path /etc/passwd if size > 1 B then alert`,
    );
    const started = await monit.type('start', 'alone');
    assert.deepEqual([started.code, started.stderr], [0, '']);
    assert.match(started.stdout, /^'alone' start: '.*'$/m);
    assert.doesNotMatch(started.stdout, /Does not exist|^\[/m);
    const pid = pidIn(monit.pidFile('alone')) ?? 0;
    assert.ok(isAlive(pid));
    const { code, stdout, stderr } = await monit.type('validate');
    assert.equal(code, 1);
    assert.match(stderr, /^'other' Size failed: /m);
    assert.match(stdout, /Process 'alone'\n {2}status {23}OK\n/);
    assert.equal((await monit.type('stop', 'alone')).code, 0);
    assert.ok(!isAlive(pid));
  });
});

describe('monit, the daemon', () => {
  let monit: MonitRunner;
  let mail: SmtpServer;
  before(async () => {
    const [port = 0] = await freePorts(1);
    monit = await MonitRunner.make(port);
    mail = await SmtpServer.start();
    const { commands } = monit;
    writeFileSync(
      commands.file('daemon.sh'),
      `#!/bin/sh\nenv | grep ^MONIT_ > ${commands.file('started')}\nsleep 1000 > /dev/null 2>&1 &\n`,
    );
    writeFileSync(commands.file('tell.sh'), `#!/bin/sh\nenv | grep ^MONIT_ > ${commands.file('told')}\n`);
    for (const name of ['daemon.sh', 'tell.sh']) chmodSync(commands.file(name), 0o755);
    monit.write(`set daemon 1
set mailserver 127.0.0.1 port ${mail.port}
set alert ops@example.com only on { nonexist, timeout, status, action, instance }
${sleeper(monit, 'one', 'group first')}
${sleeper(monit, 'two', 'group first depends on one')}
${sleeper(monit, 'three')}
check process unwritten with pidfile ${commands.file('unwritten.pid')}
  start program = "${commands.file('daemon.sh')}" with timeout 20 seconds
check process foreground with pidfile ${commands.file('foreground.pid')}
  start program = "/bin/sleep 1001"
check process broken with pidfile ${commands.file('broken.pid')}
  start program = "/bin/sh -c 'echo no such option >&2; exit 3'"
  if 2 restarts within 10 cycles then timeout
check program script with path "/bin/sh -c 'echo all wrong; exit 2'"
  if status != 0 then exec "${commands.file('tell.sh')}"
check file rc with path ${monit.controlFile}
  if failed permission 600 then alert
check filesystem root with path /
  if space usage > 100% then alert
check host here with address 127.0.0.1
  if failed port ${port} protocol http request "/_ping" then alert`);
    await monit.start();
  });
  after(async () => {
    const pids = await Promise.all(
      ['unwritten', 'foreground'].map((name) => monit.pidOf(name).catch(() => null)),
    );
    await monit.dispose(pids.filter((pid) => pid !== null));
    await mail.stop();
  });
  const stateOf = async (name: string): Promise<unknown> => (await monit.service(name))['state'];

  test('starts what is to run, also what writes no pid file, and each once', async () => {
    for (const name of ['one', 'two', 'three', 'unwritten', 'foreground'])
      await until(`${name} runs`, async () => (await stateOf(name)) === 'running');
    const { log } = monit;
    for (const name of ['one', 'two', 'three', 'unwritten', 'foreground'])
      assert.equal(log.match(new RegExp(`'${name}' start:`, 'g'))?.length, 1, name);
    const told = readFileSync(monit.commands.file('started'), 'utf8');
    const date = /^MONIT_DATE=(.*)$/m.exec(told)?.[1] ?? '';
    assert.ok(Math.abs(Date.parse(date) - Date.now()) < 600_000, date);
    assert.deepEqual(
      told
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('MONIT_DATE='))
        .sort(),
      [
        ...['MONIT_DESCRIPTION=Started', 'MONIT_EVENT=Started', `MONIT_HOST=${hostname()}`],
        ...['MONIT_PROCESS_CHILDREN=-1', 'MONIT_PROCESS_CPU_PERCENT=-1.0', 'MONIT_PROCESS_MEMORY=0'],
        ...['MONIT_PROCESS_PID=-1', 'MONIT_SERVICE=unwritten'],
      ],
    );
  });

  test('tells deaths by mail', async () => {
    const pid = (await monit.pidOf('three')) ?? 0;
    process.kill(pid, 'SIGKILL');
    await untilReplaced(monit, 'three', pid);
    const text = await until('the mail', () => mail.mails.find((one) => /exist three/.test(one.text))?.text);
    assert.match(text, /^Subject: monit alert -- {1,2}Does not exist three\r$/m);
  });

  test('gives up what cannot be started, quotes why, and shows it as what it is', async () => {
    await until('it is given up', async () => (await stateOf('broken')) === 'gave-up');
    assert.equal((await monit.summary()).get('broken'), 'Timeout');
    assert.match(monit.log, /'broken' start program: exit status 3 -- no such option/);
    const { stdout } = await monit.type('status', 'broken');
    assert.match(stdout, /status {23}Timeout\n {2}monitoring status {12}Not monitored/);
    assert.match(stdout, /next start {19}in \d+ s/);
  });

  test('runs programs, judges them, and tells others what happened', async () => {
    const told = await until('the program was run', () => {
      const text = readFileSync(monit.commands.file('told'), 'utf8');
      return text.includes('MONIT_DESCRIPTION') ? text : null;
    });
    assert.match(told, /^MONIT_SERVICE=script$/m);
    assert.match(told, /^MONIT_EVENT=Status failed$/m);
    assert.match(told, /^MONIT_DESCRIPTION=status failed \(2\) -- all wrong$/m);
    assert.equal((await monit.summary()).get('script'), 'Status failed');
    assert.match((await monit.type('status', 'script')).stdout, /last output {18}all wrong/);
  });

  test('takes commands for one, for a group, for a pattern, for all', async () => {
    assert.equal((await monit.type('unmonitor', 'th.*')).code, 0);
    assert.equal((await monit.service('three'))['isMonitored'], false);
    assert.equal((await monit.type('monitor', 'three')).code, 0);
    for (const command of ['unmonitor', 'monitor'])
      await until('the mail', () =>
        mail.mails.some(
          ({ text }) =>
            /^Subject: monit alert -- {1,2}Action done three\r$/m.test(text) &&
            text.includes(`Description: ${command} action done`),
        ),
      );
    const pid = (await monit.pidOf('one')) ?? 0;
    assert.equal((await monit.type('-g', 'first', 'restart', 'all')).code, 0);
    await untilReplaced(monit, 'one', pid);
    await until('the other one is back', async () => (await stateOf('two')) === 'running');
    for (const [words, message] of [
      [['start', 'nobody'], 'There is no service named "nobody"\n'],
      [['start'], "Please specify a service name or 'all' after start\n"],
      [['bogus'], 'Invalid argument -- bogus  (-h will show valid arguments)\n'],
      [['-g', 'nogroup', 'start', 'all'], "Group 'nogroup' not found\n"],
      [['status', 'nobody'], "Service 'nobody' not found\n"],
      [['report', 'bogus'], "Invalid report type: 'bogus'\n"],
    ] as const)
      assert.deepEqual(await monit.type(...words), { code: 1, stdout: '', stderr: message });
  });

  test('has monit’s paths for programs', async () => {
    assert.equal(await (await monit.fetch('/_ping')).text(), 'pong');
    const xml = await (await monit.fetch('/_status?format=xml')).text();
    assert.match(xml, /<service type="3"><name>one<\/name>.*<pid>\d+<\/pid>/);
    assert.match(await (await monit.fetch('/_summary')).text(), /┌─.*one/s);
    assert.equal(await (await monit.fetch('/_report?type=total')).text(), '11\n');
    assert.equal((await monit.fetch('/nobody')).status, 404);
    assert.equal((await monit.fetch('/one?action=stop')).status, 200);
    assert.equal((await monit.fetch('/', {}, 'admin:wrong')).status, 401);
    assert.match(
      (await monit.fetch('/', {}, 'admin:wrong')).headers.get('www-authenticate') ?? '',
      /realm="monit"/,
    );
    for (const path of ['/', '/one', '/_runtime', '/_viewlog', '/_about']) {
      const response = await monit.fetch(path, {}, 'view:only');
      assert.equal(response.status, path === '/_viewlog' ? 403 : 200, path);
      assert.doesNotMatch(await response.text(), /<form|admin:monit/, path);
    }
    assert.equal((await monit.fetch('/one', { method: 'POST', body: 'action=stop' })).status, 403);
    assert.equal(await stateOf('one'), 'running');
  });

  test('reads its file again on reload, and keeps the old one when the new one is wrong', async () => {
    const text = readFileSync(monit.controlFile, 'utf8');
    await monit.type('unmonitor', 'three');
    const pid = await monit.pidOf('one');
    writeFileSync(
      monit.controlFile,
      `${text}\ncheck host more with address 127.0.0.1 if failed port 1 then alert\n`,
    );
    assert.deepEqual(await monit.type('reload'), {
      code: 0,
      stdout: 'Reinitializing monit daemon\n',
      stderr: '',
    });
    await until('the new service is there', async () => (await stateOf('more')) === 'running');
    assert.ok(monit.log.includes(`'${hostname()}' Monit instance changed: Monit reloaded`));
    await until('the old one is known again', async () => (await monit.pidOf('one')) === pid);
    assert.equal((await monit.service('three'))['isMonitored'], false);
    writeFileSync(monit.controlFile, `${text}\nbogus\n`);
    process.kill(monit.pid ?? 0, 'SIGHUP');
    await until('the mistake is told', () => /not reloaded: .*syntax error 'bogus'/.test(monit.log));
    assert.equal(await stateOf('more'), 'running');
    // The same when a port that the new one names is another's: the old page is opened again.
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    writeFileSync(monit.controlFile, text.replace(/^set httpd port \d+/m, `set httpd port ${port}`));
    process.kill(monit.pid ?? 0, 'SIGHUP');
    await until('it is told that the port is taken', () =>
      /not reloaded: cannot open port \d+ for the http interface/.test(monit.log),
    );
    await until('the old page is there', async () => (await stateOf('more')) === 'running');
    await new Promise((resolve) => taken.close(resolve));
    writeFileSync(monit.controlFile, text);
  });

  test('is woken by a second start, and leaves its services running when it ends', async () => {
    const { code, stdout } = await monit.type();
    assert.deepEqual([code, stdout], [0, `Monit daemon with PID ${monit.pid} awakened\n`]);
    const pid = (await monit.pidOf('one')) ?? 0;
    const daemon = monit.pid ?? 0;
    assert.equal((await monit.type('quit')).stdout, `Monit daemon with pid [${daemon}] killed\n`);
    await until('it ends', () => !isAlive(daemon));
    assert.match(mail.mails.at(-1)?.text ?? '', /Description: Monit 5\.33\.0 stopped/);
    assert.ok(isAlive(pid));
    await monit.start();
    await until('it goes on', async () => (await monit.pidOf('one')) === pid);
    // What writes no pid file is known by its environment, also to a monitor that has not started it.
    for (const name of ['unwritten', 'foreground'])
      assert.equal(monit.log.match(new RegExp(`'${name}' start:`, 'g'))?.length, 1, name);
  });
});

describe('monit that is killed', () => {
  let monit: MonitRunner;
  before(async () => {
    const [port = 0] = await freePorts(1);
    monit = await MonitRunner.make(port);
  });
  after(() => monit.dispose());

  test('while a service starts is followed by one that waits for that start, and makes no second one', async () => {
    const pidFile = monit.pidFile('slow');
    const go = monit.commands.file('go');
    const script = monit.commands.file('slow.sh');
    // The pid file comes when the test says so.
    writeFileSync(
      script,
      `#!/bin/sh\nwhile [ ! -e ${go} ]; do sleep 0.05; done\nsleep 1000 > /dev/null 2>&1 &\necho $! > ${pidFile}\n`,
    );
    chmodSync(script, 0o755);
    monit.write(
      `set daemon 1\ncheck process slow with pidfile ${pidFile}\n  start program = "${script}" with timeout 60 seconds`,
    );
    const first = await monit.start();
    await until('it starts', async () => (await monit.service('slow'))['state'] === 'starting');
    await monit.commands.kill(first);
    await monit.start();
    await until('it was looked at', async () => (await monit.service('slow'))['state'] === 'initializing');
    writeFileSync(go, '');
    await until('it runs', async () => (await monit.service('slow'))['state'] === 'running');
    assert.equal(monit.log.match(/'slow' start:/g)?.length, 1);
    assert.equal(await monit.pidOf('slow'), pidIn(pidFile));
  });
});
