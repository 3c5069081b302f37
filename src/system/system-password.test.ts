import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { groupMembers, pamCheck } from './system-password.ts';
import { runsAsRoot } from './users.ts';

const GROUPS = 'root:x:0:\nops:x:100:ann,bob\nempty:x:101:\nno line\n';
const USERS = 'root:x:0:0:root:/root:/bin/sh\nbob:x:1:100::/:\ncat:x:2:100::/:\n# nobody\n';

test('a group has its members, and those whose first group it is', () => {
  assert.deepEqual(groupMembers('ops', GROUPS, USERS), ['ann', 'bob', 'cat']);
  assert.deepEqual(groupMembers('root', GROUPS, USERS), ['root']);
  assert.deepEqual(groupMembers('empty', GROUPS, USERS), []);
  assert.equal(groupMembers('wheel', GROUPS, USERS), null);
});

const check = pamCheck('monit');

test('whom PAM does not know is not let in', { skip: check === null && 'there is no PAM here' }, () => {
  for (const [user, password] of [
    ['no-such-user', 'secret'],
    ['root', 'surely not the password of root'],
    ['root', ''],
    ['root\0', 'x'],
    ['', ''],
  ] as const)
    assert.equal(check?.(user, password), false, JSON.stringify(user));
});

/** Rules that let root be anybody without a password. */
function suLetsRootIn(): boolean {
  try {
    return (
      runsAsRoot() && /^auth\s+sufficient\s+pam_rootok\.so/m.test(readFileSync('/etc/pam.d/su', 'latin1'))
    );
  } catch {
    return false;
  }
}

test('whom PAM lets in is let in', { skip: !suLetsRootIn() && 'nobody is let in without a password' }, () => {
  assert.equal(pamCheck('su')?.('root', 'any'), true);
});
