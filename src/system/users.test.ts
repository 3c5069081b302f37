import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { accountToBecome, findAccount, identityToBecome, runsAsRoot } from './users.ts';

const MODULE = new URL('./users.js', import.meta.url).href;
const asRoot = { skip: runsAsRoot() ? false : 'only root can change its user' };
const notRoot = { skip: runsAsRoot() ? 'runs as root' : false };

test('anybody but root may say what they like', notRoot, () => {
  assert.equal(accountToBecome(null), null);
  assert.equal(accountToBecome('no such user'), null);
});

test('root must name a user, and one that exists', asRoot, () => {
  const refusal = (name: string | null): unknown[] => {
    try {
      accountToBecome(name);
    } catch (error) {
      if (error instanceof StartError) return [error.message, error.exitCode];
      throw error;
    }
    return [];
  };
  assert.deepEqual(refusal(null), ["can't run as root without the -u switch", 64]);
  assert.deepEqual(refusal(''), ["can't run as root without the -u switch", 64]);
  assert.deepEqual(refusal('no such user'), ["can't find the user no such user to switch to", 67]);
  // Numbers are names here, as in memcached.
  assert.deepEqual(refusal('12345'), ["can't find the user 12345 to switch to", 67]);
  assert.equal(accountToBecome('root'), null);
});

test('looking a user up leaves this process what it was', asRoot, () => {
  const account = findAccount('nobody');
  assert.ok(account !== null && account.uid !== 0);
  assert.equal(process.geteuid?.(), 0);
});

test('becoming a user is complete and for good, in all threads', asRoot, () => {
  const program = `
    import { accountToBecome, becomeUser } from ${JSON.stringify(MODULE)};
    import { readdirSync, readFileSync } from 'node:fs';
    import { Worker } from 'node:worker_threads';
    process.setgroups([1, 2]);
    const worker = new Worker('setTimeout(() => {}, 60000)', { eval: true });
    worker.on('online', () => {
      const account = accountToBecome('nobody');
      becomeUser(account, 'nobody');
      const lines = new Set();
      for (const thread of readdirSync('/proc/self/task'))
        for (const line of readFileSync('/proc/self/task/' + thread + '/status', 'latin1').split('\\n'))
          if (/^(Uid|Gid|Groups):/.test(line)) lines.add(line.trim().replace(/\\t/g, ' '));
      let back = 'refused';
      try { process.setuid(0); back = 'root again'; } catch {}
      console.log(JSON.stringify({ account, lines: [...lines], back }));
      process.exit();
    });`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  const told: unknown = JSON.parse(run.stdout || JSON.stringify(run.stderr));
  const account = findAccount('nobody');
  const { uid, gid } = account ?? { uid: -1, gid: -1 };
  assert.deepEqual(told, {
    account,
    lines: [`Uid: ${uid} ${uid} ${uid} ${uid}`, `Gid: ${gid} ${gid} ${gid} ${gid}`, 'Groups:'],
    back: 'refused',
  });
});

test('magent takes numbers and names, and root is no change', asRoot, () => {
  const nobody = findAccount('nobody');
  assert.deepEqual(identityToBecome('nobody', null), nobody);
  assert.deepEqual(identityToBecome(String(nobody?.uid), null), nobody);
  assert.deepEqual(identityToBecome('nobody', '7'), { uid: nobody?.uid, gid: 7 });
  assert.deepEqual(identityToBecome('54321', null), { uid: 54321, gid: 54321 });
  assert.equal(identityToBecome('root', null), null);
  assert.equal(identityToBecome('0', null), null);
  assert.equal(identityToBecome(null, null), null);
  assert.throws(
    () => identityToBecome('no such user', null),
    /can't find the user no such user to switch to/,
  );
  assert.throws(
    () => identityToBecome(null, 'no such group'),
    /can't find the group no such group to switch to/,
  );
  assert.deepEqual([process.geteuid?.(), process.getegid?.()], [0, 0]);
});
