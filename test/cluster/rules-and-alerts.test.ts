/*
 * Rules and alerts of a cluster file, with a real node and a real proxy: who is told what by mail, web hook and program, what a rule restarts, and that a
 * changed file changes rules without touching a process.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePorts, twincached } from '../../testing/processes.ts';
import { SmtpServer } from '../../testing/smtp-server.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

interface Service {
  readonly name: string;
  readonly pid: number;
  readonly state: string;
  readonly findings: readonly string[];
}

interface Hooked {
  readonly service: string;
  readonly event: string;
  readonly state: string;
  readonly action: string;
  readonly description: string;
  readonly cluster: string;
}

/** Items that are one too many. */
const ITEMS = 20;

test('rules are told by mail, web hook and program; one restarts a node; other rules leave processes alone', async (t) => {
  const [node = 0, replication = 0, proxy = 0, page = 0] = await freePorts(4);
  const directory = mkdtempSync(join(tmpdir(), 'twincached-rules-'));
  const smtp = await SmtpServer.start();
  const hooked: Hooked[] = [];
  const hook = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      // Cast: our own program's request; a wrong shape fails the assertions that follow.
      hooked.push(JSON.parse(body) as Hooked);
      response.end();
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  const address = hook.address();
  const hookPort = address !== null && typeof address === 'object' ? address.port : 0;
  const secret = `http://127.0.0.1:${hookPort}/services/SECRET`;
  writeFileSync(join(directory, 'hook'), `${secret}\n`, { mode: 0o600 });
  const ran = join(directory, 'ran');
  const path = join(directory, 'shop.yml');
  const write = (rules: string): void =>
    writeFileSync(
      path,
      `name: shop
shards:
  - { name: one, replication-port: ${replication}, memory: 32M, twins: [{ port: ${node} }] }
proxies:
  - { name: front, port: ${proxy} }
page: { port: ${page} }
watch: { every: 100ms }
mail: { server: 127.0.0.1, port: ${smtp.port}, from: shop@example.com }
alerts:
  - { mail: ops@example.com, events: [nonexist, resource] }
  - { webhook-file: hook, events: [resource, nonexist] }
  - { exec: [/bin/sh, -c, 'echo "$MONIT_SERVICE: $MONIT_EVENT in $TWINCACHED_CLUSTER" >> ${ran}'], of: [front] }
rules:
${rules}`,
    );
  write('  - { of: [front], if: threads > 0, for: 3 cycles }\n');
  const environment = { XDG_STATE_HOME: directory };
  const cluster = twincached(['up', path], environment);
  t.after(async () => {
    cluster.child.kill('SIGINT');
    await cluster.ended();
    hook.close();
    await smtp.stop();
    rmSync(directory, { recursive: true });
  });
  await until(
    `the welcome: ${cluster.stderr()}`,
    () => cluster.stdout().includes('Your cluster runs'),
    60_000,
  );
  const services = async (): Promise<Service[]> => {
    const answer = await fetch(`http://127.0.0.1:${page}/status.json`);
    // Cast: as above.
    return ((await answer.json()) as { services: Service[] }).services;
  };
  const service = async (name: string): Promise<Service> => {
    const found = (await services()).find((one) => one.name === name);
    assert.ok(found !== undefined);
    return found;
  };
  const pids = async (): Promise<number[]> => (await services()).map(({ pid }) => pid);
  const hear = (name: string, event: string, state: string): Promise<Hooked> =>
    until(`${name}: ${event} ${state}`, () =>
      hooked.find((one) => one.service === name && one.event === event && one.state === state),
    );

  const found = await hear('front', 'resource', 'failed');
  assert.equal(found.cluster, 'shop');
  assert.equal(found.action, 'alert');
  assert.match(found.description, /^threads of \d+ matches the limit \[threads > 0\]$/);
  assert.deepEqual((await service('front')).findings, ['threads > 0']);
  await until('the mail', () =>
    smtp.mails.some(({ text }) => text.includes('Subject: twincached alert -- Resource limit matched front')),
  );
  await until('the program', () => existsSync(ran) && readFileSync(ran, 'utf8') !== '');
  assert.equal(readFileSync(ran, 'utf8'), 'front: Resource limit matched in shop\n');
  const told = twincached(['status', path], environment);
  assert.equal(await told.ended(), 0, told.stderr());
  assert.match(told.stdout(), /front .* threads > 0/);

  const victim = await service('one-a');
  process.kill(victim.pid, 'SIGKILL');
  for (const [title, text] of [
    ['Does not exist', 'died of SIGKILL'],
    ['Exists', 'is running'],
  ] as const) {
    const mail = await until(title, () =>
      smtp.mails.find((one) => one.text.includes(`Subject: twincached alert -- ${title} one-a`)),
    );
    assert.match(mail.from, /shop@example\.com/);
    assert.match(mail.to, /ops@example\.com/);
    assert.ok(mail.text.includes(`Description: ${text}`), mail.text);
    assert.ok(mail.text.includes('Cluster:     shop'), mail.text);
  }

  // Other rules: what has held is over, and nobody is started anew.
  const before = await pids();
  write(`  - { of: [one], if: items > ${ITEMS}, do: restart }\n`);
  const reload = twincached(['reload', path], environment);
  assert.equal(await reload.ended(), 0, reload.stderr());
  assert.match(reload.stdout(), /one-a is watched in another way; its process goes on/);
  assert.deepEqual(await pids(), before);
  const gone = await hear('front', 'resource', 'succeeded');
  assert.equal(gone.description, 'the rule is gone');
  assert.deepEqual((await service('front')).findings, []);

  const client = await TextClient.connect(proxy);
  for (let index = 0; index <= ITEMS; index++) await client.set(`key${index}`, 'value');
  client.close();
  const full = await hear('one-a', 'resource', 'failed');
  assert.equal(full.description, `items of ${ITEMS + 1} matches the limit [items > ${ITEMS}]`);
  assert.equal(full.action, 'restart');
  const over = await hear('one-a', 'resource', 'succeeded');
  assert.match(over.description, /^items of 0 is within the limit/);
  const [nodePid, proxyPid] = await pids();
  assert.notEqual(nodePid, before[0]);
  assert.equal(proxyPid, before[1]);
  await until('it is told', () => cluster.stdout().includes('rolling-restart requested by a rule (items of'));

  // A mistake changes nothing.
  write('  - { of: [one], if: hunger > 3 }\n');
  const refused = twincached(['reload', path], environment);
  assert.equal(await refused.ended(), 1);
  assert.match(refused.stderr(), /shop\.yml:\d+:\d+: there is no figure "hunger"/);

  const metrics = await (await fetch(`http://127.0.0.1:${page}/metrics`)).text();
  assert.match(metrics, /^twincached_alerts_sent_total [1-9]\d*$/m);
  assert.match(metrics, /^twincached_alerts_lost_total 0$/m);
  assert.match(metrics, /^twincached_service_rules_matched\{[^}]*service="front"[^}]*\} 0$/m);
  const status = await (await fetch(`http://127.0.0.1:${page}/status.json`)).text();
  assert.ok(!`${status}${cluster.stdout()}${cluster.stderr()}`.includes('SECRET'));
});
