import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { seededRandom } from '../../src/base/random.ts';
import { KEY_HASHES } from '../../src/hashing/index.ts';
import { ketama } from '../../src/hashing/ketama.ts';
import { isAlive } from '../../testing/daemons.ts';
import { AS_ROOT, freePorts, MEMCACHED, run } from '../../testing/processes.ts';
import { SteadyLoad } from '../../testing/steady-load.ts';
import { TextClient } from '../../testing/text-client.ts';
import { TypedFleet } from '../../testing/typed-fleet.ts';
import { until } from '../../testing/wait.ts';

const USER = AS_ROOT.join(' ');

/** Which of some servers, by their names, twemproxy chooses for a key. */
function chosen(key: string, names: readonly string[]): number {
  const bytes = Buffer.from(key);
  const hash = KEY_HASHES.get('fnv1a_64');
  assert.ok(hash !== undefined);
  return ketama(names.map((name) => ({ name, weight: 1 }))).pick(hash(bytes, 0, bytes.length));
}

const KEYS: readonly string[] = ['name', 'age', ...Array.from({ length: 30 }, (_, index) => `k${index}`)];

/** W6 of the walk-throughs: three servers behind twemproxy. Step numbers are the walk-through's. */
describe('W6, sharding with twemproxy', { skip: MEMCACHED === null && 'memcached is not installed' }, () => {
  let fleet: TypedFleet;
  let ports: number[] = [];
  const port = (index: number): number => ports[index] ?? 0;
  const names = (): string[] => [0, 1, 2].map((index) => `127.0.0.1:${port(index)}`);
  let nutcrackerPid = 0;

  const layout = (more = ''): string => `memcached:
  listen: localhost:${port(3)}
  hash: fnv1a_64
  distribution: ketama
  timeout: 400
  backlog: 1024
  preconnect: true
  auto_eject_hosts: true
  server_retry_timeout: 30000
  server_failure_limit: 3
${more}  servers:
${names()
  .map((name) => `    - ${name}:1\n`)
  .join('')}`;

  before(async () => {
    fleet = await TypedFleet.make();
    ports = await freePorts(8);
    for (const index of [0, 1, 2])
      await fleet.start(
        `server ${index}`,
        `${MEMCACHED} ${USER} -l 127.0.0.1 -p ${port(index)}`,
        port(index),
      );
    mkdirSync(fleet.commands.file('conf'));
    writeFileSync(fleet.commands.file('conf/nutcracker.yml'), layout());
  });
  after(async () => {
    if (nutcrackerPid > 0 && isAlive(nutcrackerPid)) process.kill(nutcrackerPid, 'SIGKILL');
    await fleet.dispose();
  });

  const nutcracker = (words: string): ReturnType<typeof run> =>
    run(fleet.commands.file('nutcracker'), words.split(' '));

  test('the file is tested, and the proxy goes into the background', async () => {
    const file = fleet.commands.file('conf/nutcracker.yml');
    const tested = nutcracker(`-t -c ${file}`);
    assert.equal(await tested.ended(), 0);
    assert.equal(tested.stderr(), `nutcracker: configuration file '${file}' syntax is ok\n`);
    const pidFile = fleet.commands.file('nutcracker.pid');
    const daemon = nutcracker(
      `-d -c ${file} -s ${port(4)} -a 127.0.0.1 -i 10 -p ${pidFile} -o ${fleet.commands.file('log')}`,
    );
    assert.equal(await daemon.exited(), 0, daemon.stderr());
    nutcrackerPid = Number(readFileSync(pidFile, 'latin1'));
    assert.ok(isAlive(nutcrackerPid));
  });

  test('1: a value lies on exactly one server, the one that twemproxy would have chosen', async () => {
    const client = await TextClient.connect(port(3));
    for (const key of KEYS) {
      assert.equal(await client.set(key, 'tom'), 'STORED');
      for (const index of [0, 1, 2]) {
        const direct = await fleet.client(`server ${index}`);
        assert.equal(await direct.get(key), index === chosen(key, names()) ? 'tom' : null, key);
        direct.close();
      }
    }
    client.close();
  });

  test('4: a host name is listened on at all its addresses', async () => {
    const { lookup } = await import('node:dns/promises');
    for (const { address } of await lookup('localhost', { all: true })) {
      const client = await TextClient.connect(port(3), address);
      assert.equal(await client.get('name'), 'tom', address);
      client.close();
    }
  });

  test('the statistics are told to whoever connects', async () => {
    const stats = await statistics(port(4));
    assert.equal(stats['service'], 'nutcracker');
    const pool = JSON.stringify(stats['memcached']);
    assert.match(pool, /"client_connections":\d+/);
    // Where few names of servers are hashed, one of them may get none of the keys.
    for (const [index, name] of names().entries()) {
      const isUsed = KEYS.some((key) => chosen(key, names()) === index);
      assert.match(
        pool,
        new RegExp(`"${name}":\\{"server_eof":0,[^}]*"requests":${isUsed ? '[1-9]' : '0,'}`),
      );
    }
  });

  test('2: a server is killed: its keys land on another one after no more errors than the limit', async () => {
    const index = chosen('age', names());
    await fleet.kill(`server ${index}`);
    const client = await TextClient.connect(port(3));
    let errors = 0;
    for (; (await client.set('age', '20')) !== 'STORED'; errors++) assert.ok(errors < 3, `${errors} errors`);
    assert.equal(await client.get('age'), '20');
    client.close();
    await until('it is counted', async () =>
      /"server_ejects":1/.test(JSON.stringify((await statistics(port(4)))['memcached'])),
    );
    await fleet.restart(`server ${index}`);
  });

  test('2, better: with health probes no client sees an error; the file is changed while the proxy serves', async () => {
    const file = fleet.commands.file('conf/nutcracker.yml');
    const held = await TextClient.connect(port(3));
    assert.equal(await held.set('held', '1'), 'STORED');
    writeFileSync(`${file}.new`, layout('  health_probes: true\n'));
    renameSync(`${file}.new`, file);
    const log = (): string => readFileSync(fleet.commands.file('log'), 'latin1');
    await until('the change is taken over', () => /has changed: serving 1 pools/.test(log()));
    assert.equal(await held.set('held', '1'), 'STORED', 'the connection is kept');
    const load = await SteadyLoad.start(port(3));
    for (const index of [0, 1, 2]) {
      const before = load.answered;
      await until('the load goes on', () => load.answered > before + 500);
      await fleet.kill(`server ${index}`);
      const after = load.answered;
      await until('the load goes on', () => load.answered > after + 500);
      await fleet.restart(`server ${index}`);
      await until('it is back', async () => {
        for (let i = 0; i < 20; i++) await held.set(`${i * 7919}spread`, '1');
        const direct = await fleet.client(`server ${index}`);
        const items = Number((await direct.stats()).get('cmd_set'));
        direct.close();
        return items > 0;
      });
    }
    // What was on a dead server is gone, for its data was nowhere else: no error, and no connection lost.
    const { errors } = await load.stop();
    assert.deepEqual(errors, []);
    // A bad file changes nothing, and is told of.
    appendFileSync(file, '  bogus: 1\n');
    process.kill(nutcrackerPid, 'SIGHUP');
    await until('it is told of', () => /directive "bogus" is unknown; going on as before/.test(log()));
    assert.equal(await held.set('held', '2'), 'STORED');
    held.close();
  });

  test('a reload under load drops no connection and loses no request', async () => {
    const file = fleet.commands.file('conf/nutcracker.yml');
    const load = await SteadyLoad.start(port(3));
    const random = seededRandom(7);
    for (let i = 0; i < 20; i++) {
      const timeoutMs = 400 + i;
      writeFileSync(file, layout('  health_probes: true\n').replace('timeout: 400', `timeout: ${timeoutMs}`));
      process.kill(nutcrackerPid, 'SIGHUP');
      const before = load.answered;
      await until('the load goes on', () => load.answered > before + 20 + random.below(50));
    }
    const report = await load.stop();
    assert.deepEqual([report.errors, report.lost], [[], []]);
  });

  test('3, better: each server of the list may be a pair of twins', async () => {
    const [first, second, replication] = [port(5), port(6), port(7)];
    for (const [name, own] of [
      ['one twin', first],
      ['other twin', second],
    ] as const)
      await fleet.start(name, `memcached ${USER} -l 127.0.0.1 -p ${own} -x 127.0.0.1 -X ${replication}`, own);
    const [outer = 0, stats = 0] = await freePorts(2);
    const file = fleet.commands.file('twins.yml');
    writeFileSync(
      file,
      `pool:\n  listen: 127.0.0.1:${outer}\n  servers:\n  - 127.0.0.1:${first}+127.0.0.1:${second}:1\n  - 127.0.0.1:${port(0)}:1\n`,
    );
    await fleet.start('outer', `nutcracker -c ${file} -s ${stats} -a 127.0.0.1`, outer);
    const load = await SteadyLoad.start(outer);
    await until('the load runs', () => load.answered > 500);
    const goesOn = async (): Promise<void> => {
      const before = load.answered;
      await until('the load goes on', () => load.answered > before + 700);
    };
    for (const name of ['one twin', 'other twin']) {
      await fleet.kill(name);
      await goesOn();
      await fleet.restart(name);
      const direct = await fleet.client(name);
      await until(
        `${name} is linked`,
        async () => (await direct.stats('replication')).get('replication_state') === 'linked',
      );
      direct.close();
      await goesOn();
    }
    const report = await load.stop();
    assert.deepEqual([report.errors, report.lost], [[], []]);
    // The proxy itself: its clients dial again.
    const dialing = SteadyLoad.dialing([outer]);
    await until('the load runs', () => dialing.answered > 500);
    await fleet.kill('outer');
    await fleet.restart('outer');
    const before = dialing.answered;
    await until('the load goes on', () => dialing.answered > before + 500);
    const after = await dialing.stop();
    assert.deepEqual([after.errors, after.lost], [[], []]);
  });
});

/** What the statistics' port says. */
function statistics(port: number): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (piece: Buffer) => {
      text += piece.toString();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(JSON.parse(text)));
  });
}
