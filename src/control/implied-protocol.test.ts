import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlTree } from '../../testing/control-entries.ts';
import { withImpliedProtocols } from './implied-protocol.ts';

function protocols(command: string, rule = 'if failed port 1 then alert'): string {
  const entry = controlTree(`check process x with pidfile /x start program = "${command}" ${rule}`)
    .services[0];
  assert.ok(entry !== undefined);
  return withImpliedProtocols(entry)
    .rules.map(({ test: one }) => (one.kind === 'connection' ? one.protocol : one.kind))
    .join(' ');
}

test('plain port tests of programs that speak memcached’s protocol get it', () => {
  assert.equal(protocols('/usr/bin/memcached -d'), 'memcache-text');
  assert.equal(protocols('/usr/local/bin/magent -p 1'), 'memcache-text');
  assert.equal(protocols('/opt/node /opt/bin/twincached nutcracker -c /f'), 'memcache-text');
  assert.equal(protocols('/opt/bin/twincached memcached -S'), 'memcache');
  assert.equal(protocols('/usr/bin/memcached -B binary'), 'memcache');
});

test('others, and tests that say more, stay as they are', () => {
  assert.equal(protocols('/usr/sbin/nginx'), 'default');
  assert.equal(protocols('/usr/bin/memcached -Z'), 'default');
  assert.equal(protocols('/opt/bin/twincached monit'), 'default');
  const rest = `if failed port 1 protocol memcache then alert if failed port 1 type udp then alert if succeeded port 1 then alert
    if failed port 1 send "x" expect "y" then alert if failed port 1 using ssl then alert if cpu > 1% then alert`;
  assert.equal(protocols('/usr/bin/memcached', rest), 'memcache default default default default resource');
});
