/*
 * The built-in cluster with its real nodes and proxies keeps what `twincached up` promises on the terminal: each of its seven
 * processes may be killed, one after the other, and nothing is lost.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { commandLine } from '../../src/system/proc-table.ts';
import { freePortOffset } from '../../testing/free-port-offset.ts';
import { twincached } from '../../testing/processes.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const KEYS = Array.from({ length: 20 }, (_, index) => `u${index + 1}`);

interface Service {
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly pid: number;
  readonly restarts: number;
  readonly stats: { readonly replication: Readonly<Record<string, string>> } | null;
}

/** Reads every key over a connection of its own. */
async function readAll(port: number, killed: string): Promise<void> {
  const client = await TextClient.connect(port);
  try {
    for (const key of KEYS)
      assert.equal(await client.get(key), `value of ${key}`, `${key}, ${killed} killed`);
  } finally {
    client.close();
  }
}

/** Whether a proxy has a connection to each of its servers. */
async function seesItsServers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  socket.end('stats servers\r\n');
  const states = (await text(socket)).match(/^STAT server_\d+_state \S+/gm) ?? [];
  return states.length > 0 && states.every((line) => / (up|idle)$/.test(line));
}

/** The process that waits to be the next one. */
function spareOf(monitor: number | undefined): Promise<number> {
  return until('a spare process waits', () => {
    const children = readFileSync(`/proc/${monitor}/task/${monitor}/children`, 'latin1').split(' ');
    return children.map(Number).find((pid) => commandLine(pid) === 'twincached spare') ?? null;
  });
}

test('each process of the cluster is killed in turn, and nothing that was stored is lost', async (t) => {
  const portOffset = await freePortOffset();
  const state = mkdtempSync(join(tmpdir(), 'twincached-local-'));
  t.after(() => rmSync(state, { recursive: true }));
  const up = twincached(['up', '--port-offset', String(portOffset)], { XDG_STATE_HOME: state });
  t.after(async () => {
    up.child.kill('SIGINT');
    up.child.kill('SIGINT');
    await up.ended();
  });
  await until('the welcome', () => up.stdout().includes('Your cluster runs'));
  const entry = 12_000 + portOffset;
  assert.ok(up.stdout().includes(`get hello -s 127.0.0.1:${entry}\n`));

  const services = async (): Promise<Service[]> => {
    const answer = await fetch(`http://127.0.0.1:${2812 + portOffset}/status.json`);
    // Cast: our own program's answer; a wrong shape fails the assertions that follow.
    return ((await answer.json()) as { services: Service[] }).services;
  };
  /** All run, all twins are linked, and all proxies see their servers: only then may the next one be killed. */
  const settled = (): Promise<Service[]> =>
    until(
      'everything runs and is linked',
      async () => {
        const all = await services();
        const well = all.every(
          ({ state, stats, name }) =>
            state === 'running' &&
            (!name.startsWith('node') || stats?.replication['replication_state'] === 'linked'),
        );
        if (!well) return null;
        for (const port of [11_200, 11_300, 12_000])
          if (!(await seesItsServers(port + portOffset))) return null;
        return all;
      },
      60_000,
    );

  await settled();
  const first = await TextClient.connect(entry);
  for (const key of KEYS) assert.equal(await first.set(key, `value of ${key}`), 'STORED');
  for (const port of [11_200, 11_300]) {
    const inner = await TextClient.connect(port + portOffset);
    const there = (await inner.ask(`get ${KEYS.join(' ')}`)).match(/^VALUE /gm)?.length ?? 0;
    assert.ok(there > 0 && there < KEYS.length, `${there} of ${KEYS.length} keys behind ${port}`);
    inner.close();
  }
  first.close();

  const metrics = await (await fetch(`http://127.0.0.1:${2812 + portOffset}/metrics`)).text();
  for (const { name, role } of await services())
    assert.match(
      metrics,
      new RegExp(`^twincached_service_state\\{.*service="${name}",role="${role}",state="running"\\} 1$`, 'm'),
    );
  const stored = [...metrics.matchAll(/^memcached_current_items\{instance="[^"]+"\} (\d+)$/gm)].map(
    ([, items]) => Number(items),
  );
  assert.equal(
    stored.reduce((sum, items) => sum + items, 0),
    2 * KEYS.length,
    'each key on a node and on its twin',
  );

  const before = await settled();
  for (const { name, role, pid } of before) {
    const [spare, words] = [await spareOf(up.child.pid), commandLine(pid)];
    process.kill(pid, 'SIGKILL');
    // A node's twin answers for it from the first moment on.
    if (role === 'node') await readAll(entry, name);
    await until(`${name} is replaced`, async () => {
      const now = (await services()).find((service) => service.name === name);
      return now !== undefined && now.state === 'running' && now.pid !== pid;
    });
    const replacement = (await services()).find((service) => service.name === name);
    assert.equal(replacement?.pid, spare, 'the spare process took its place');
    assert.equal(commandLine(spare), words, 'and looks like it');
    await settled();
    // Whoever sends requests to a proxy may need a moment to see that it is back.
    await until(`all values are there after the death of ${name}`, async () => {
      await readAll(entry, name);
      return true;
    });
  }
  const killed = await settled();
  assert.deepEqual(
    killed.map(({ restarts }) => restarts),
    killed.map(() => 1),
  );

  for (const words of [['switchover', 'pair 1'], ['restart', '--rolling', 'pair 1'], ['reload']] as const) {
    const order = twincached([...words, '--port-offset', String(portOffset)], { XDG_STATE_HOME: state });
    assert.equal(await order.ended(), 0, `${words.join(' ')}: ${order.stdout()}${order.stderr()}`);
    await readAll(entry, 'nobody');
  }
  const after = await settled();
  assert.deepEqual(
    after.filter(({ pid }, index) => pid !== killed[index]?.pid).map(({ name }) => name),
    ['node-1a', 'node-1b'],
  );
  assert.equal(await up.kill('SIGINT'), 0);
  assert.equal(up.stderr(), '');
  for (const { name, pid } of after)
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, `${name} is gone`);
});
