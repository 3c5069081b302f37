/*
 * W5 of the walk-throughs under monit: the eleven programs of the guide, each by the guide's own entry, with paths and ports of the test. Every one is
 * killed in turn and is back, in its right role and with its data. The figures of how long that took are told, and not judged.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isAlive } from '../../testing/daemons.ts';
import { MonitRunner, untilReplaced } from '../../testing/monit-runner.ts';
import { AS_ROOT, atTestEnd, freePorts } from '../../testing/processes.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

/** The names are the walk-through's ports; those that the test uses are free ones. */
const NODES = ['12211', '12212', '12311', '12312', '12411', '12412'];
const PROXIES = ['13211', '13212', '13213', '14211', '14212'];
const TWIN_PORTS = ['15001', '15002', '15003'];
const KEYS = 40;

describe('W5 under monit', () => {
  let monit: MonitRunner;
  const ports = new Map<string, number>();
  const port = (name: string): number => ports.get(name) ?? 0;
  const serviceName = (name: string): string => (NODES.includes(name) ? `memcache${name}` : `magent${name}`);
  const proxyPids = new Set<number>();

  /** The guide's entry. Only the limit of the load is another one: the machine of a test is a busy one. */
  const entry = (name: string, subject: string, commandLine: string, dependsOn: string[]): string => `
check process ${serviceName(name)} with ${subject}
  start program = "${commandLine}" with timeout 60 seconds
  stop program = "/usr/bin/kill \`cat /tmp/${name}.pid\`"
  if failed host 127.0.0.1 port ${port(name)} then restart
  if cpu is greater than 40% for 2 cycles then alert
  if cpu > 60% for 50 cycles then restart
  if totalmem > 1500 MB for 10 cycles then restart
  if children > 250 then restart
  if loadavg(5min) greater than 1000 for 20 cycles then stop
  if 3 restarts within 5 cycles then timeout
  if 10 restarts within 10 cycles then timeout
  group server
  ${dependsOn.length === 0 ? '' : `depends on ${dependsOn.map(serviceName).join(', ')}`}`;

  const node = (name: string): string => {
    const pidFile = monit.pidFile(name);
    const twins = port(`1500${Number(name[2]) - 1}`);
    return entry(
      name,
      `pidfile ${pidFile}`,
      `${monit.commands.file('memcached')} -d -v -m 64 ${AS_ROOT.join(' ')} -l 127.0.0.1 -p ${port(name)} -X ${twins} -x 127.0.0.1 -P ${pidFile}`,
      [],
    );
  };
  const proxy = (name: string, main: string, backup: string): string =>
    entry(
      name,
      `matching "magent .*-p ${port(name)} "`,
      `${monit.commands.file('magent')} -u root -n 2048 -l 127.0.0.1 -p ${port(name)} -s 127.0.0.1:${port(main)} -b 127.0.0.1:${port(backup)}`,
      [main, backup],
    );

  const isUp = async (name: string): Promise<boolean> => {
    const { state, isMonitored, failures, probes } = await monit.service(serviceName(name));
    if (state !== 'running' || isMonitored !== true || !Array.isArray(failures) || !Array.isArray(probes))
      return false;
    // A proxy is found by its command line, which is there before its port is.
    const answers = probes.some((probe) => probe instanceof Object && 'isOk' in probe && probe.isOk === true);
    return failures.length === 0 && answers;
  };

  before(async () => {
    const names = [...NODES, ...PROXIES, ...TWIN_PORTS];
    const free = await freePorts(names.length + 1);
    for (const [index, name] of names.entries()) ports.set(name, free[index] ?? 0);
    monit = await MonitRunner.make(free[names.length] ?? 0);
    monit.write(
      [
        'set daemon 1',
        ...NODES.map(node),
        proxy('13211', '12211', '12212'),
        proxy('13212', '12311', '12312'),
        proxy('13213', '12411', '12412'),
        proxy('14211', '13211', '13213'),
        proxy('14212', '13212', '13213'),
      ].join('\n'),
      'allow 127.0.0.0/8 allow admin:monit allow view:"only" readonly allow @users readonly',
    );
    atTestEnd(() => {
      for (const pid of proxyPids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    });
  });
  after(async () => {
    for (const name of PROXIES) {
      const pid = monit.pid === null ? null : await monit.pidOf(serviceName(name));
      if (pid !== null) proxyPids.add(pid);
    }
    await monit.dispose([...proxyPids]);
  });

  test('the file is good, and says of the stop programs that no shell reads them', async () => {
    const { code, stdout, stderr } = await monit.type('-t');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Control file syntax OK/);
    assert.equal(
      stderr.match(/no shell reads the stop program, so backticks in it mean nothing/g)?.length,
      11,
    );
  });

  test('all eleven are started by it, and users are served', async () => {
    await monit.start();
    for (const name of [...NODES, ...PROXIES]) await until(`${name} is up`, () => isUp(name), 90_000);
    for (const [index, outer] of ['14211', '14212'].entries()) {
      const client = await TextClient.connect(port(outer));
      for (let key = 0; key < KEYS; key++)
        assert.equal(await client.set(`k${index}-${key}`, `v${key}`), 'STORED');
      client.close();
    }
  });

  /** All keys of one of the two users, read at a port. */
  const hasKeys = async (name: string, user: number): Promise<boolean> => {
    const client = await TextClient.connect(port(name));
    try {
      for (let key = 0; key < KEYS; key++)
        if ((await client.get(`k${user}-${key}`)) !== `v${key}`) return false;
      return true;
    } finally {
      client.close();
    }
  };

  const isLinked = async (name: string): Promise<boolean> => {
    const client = await TextClient.connect(port(name));
    try {
      return (await client.stats('replication')).get('replication_state') === 'linked';
    } finally {
      client.close();
    }
  };

  for (const name of [...NODES, ...PROXIES])
    test(`${name} is killed and is back in its role, with its data`, async (t) => {
      const pid = (await monit.pidOf(serviceName(name))) ?? 0;
      assert.ok(pid > 1);
      const startMs = performance.now();
      process.kill(pid, 'SIGKILL');
      const pair = Number(name[2]) - 2;
      await until(`${name} serves again`, async () => {
        if (isAlive(pid)) throw new Error('it lives');
        // A node of the spare pair has what its twin has: nothing. The users of the first two pairs have their keys there.
        if (NODES.includes(name)) return (await isLinked(name)) && (pair >= 2 || (await hasKeys(name, pair)));
        if (name === '13213')
          return (await TextClient.connect(port(name)).then((client) => client.close())) === undefined;
        return hasKeys(name, name === '13211' || name === '14211' ? 0 : 1);
      });
      t.diagnostic(`${name}: ${Math.round(performance.now() - startMs)} ms`);
      const next = await untilReplaced(monit, serviceName(name), pid);
      if (PROXIES.includes(name)) proxyPids.add(next);
      await until(`${name} is up`, () => isUp(name));
    });

  test('one that hangs is found by its probe and replaced, though the kernel still accepts for it', async () => {
    const pid = (await monit.pidOf(serviceName('12311'))) ?? 0;
    process.kill(pid, 'SIGSTOP');
    await untilReplaced(monit, serviceName('12311'), pid);
    assert.ok(!isAlive(pid));
    await until('it has its data', async () => (await isLinked('12311')) && hasKeys('12311', 1));
  });

  test('the page stops and starts one, for those who may', async () => {
    const name = serviceName('12412');
    const page = await monit.fetch(`/${name}`);
    assert.equal(page.status, 200);
    const token = /name="securitytoken" value="([0-9a-f]{32})"/.exec(await page.text())?.[1] ?? '';
    const post = (action: string, user = 'admin:monit', cookie = token): Promise<Response> =>
      monit.fetch(
        `/${name}`,
        {
          method: 'POST',
          body: new URLSearchParams({ action, securitytoken: token }),
          headers: { cookie: `securitytoken=${cookie}` },
        },
        user,
      );
    assert.equal((await post('stop', 'view:only')).status, 403);
    assert.equal((await post('stop', 'admin:monit', 'f'.repeat(32))).status, 403);
    const pid = (await monit.pidOf(name)) ?? 0;
    assert.equal((await post('stop')).status, 302);
    // The stop program of the guide does nothing; the process is stopped by its pid all the same.
    await until(
      'it is stopped',
      async () => (await monit.service(name))['state'] === 'stopped' && !isAlive(pid),
    );
    assert.equal((await monit.summary()).get(name), 'Not monitored');
    // As in monit, those that depend on it have been stopped before it, and come back when they are asked to.
    assert.equal((await monit.service(serviceName('13213')))['state'], 'stopped');
    assert.equal((await post('start')).status, 302);
    await until('it is up', () => isUp('12412'));
    assert.equal((await monit.type('-g', 'server', 'start', 'all')).code, 0);
    for (const each of [...NODES, ...PROXIES]) await until(`${each} is up`, () => isUp(each));
  });

  test('a monitor that is killed and started again takes over what runs, and starts no second one', async () => {
    const pidsBefore = await Promise.all(
      [...NODES, ...PROXIES].map((name) => monit.pidOf(serviceName(name))),
    );
    const daemon = monit.pid ?? 0;
    await monit.commands.kill(daemon);
    await monit.start();
    for (const name of [...NODES, ...PROXIES]) await until(`${name} is up`, () => isUp(name));
    const pidsAfter = await Promise.all([...NODES, ...PROXIES].map((name) => monit.pidOf(serviceName(name))));
    assert.deepEqual(pidsAfter, pidsBefore);
    const pid = pidsAfter[0] ?? 0;
    process.kill(pid, 'SIGKILL');
    await untilReplaced(monit, serviceName('12211'), pid);
  });

  test('stop all stops everything, in the order in which requests flow', async () => {
    const { code } = await monit.type('stop', 'all');
    assert.equal(code, 0);
    for (const name of [...NODES, ...PROXIES])
      await until(
        `${name} is stopped`,
        async () => (await monit.service(serviceName(name)))['state'] === 'stopped',
      );
    const { log } = monit;
    const at = (name: string): number => log.lastIndexOf(`'${serviceName(name)}' stopped`);
    assert.ok(at('14211') < at('13211') && at('13211') < at('12211'), 'users first');
  });
});
