import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DestinationNotices } from './destination-notices.ts';

function notices(): { readonly told: string[]; readonly server: DestinationNotices } {
  const told: string[] = [];
  const host = {
    log: (line: string): number => told.push(line),
    warn: (line: string): number => told.push(`! ${line}`),
  };
  return { told, server: new DestinationNotices('a:1', host) };
}

test('a server that is down is told of once, and so is its return', () => {
  const { told, server } = notices();
  server.up();
  assert.deepEqual(told, [], 'it was up from the start');
  server.down('refused', false);
  server.down('no answer in time', false);
  server.up();
  server.up();
  server.down('closed', false);
  assert.deepEqual(told, ['a:1 is down: refused', 'a:1 is up', 'a:1 is down: closed']);
});

test('a warning is given also of a server that is known to be down, once until it is up', () => {
  const { told, server } = notices();
  server.down('refused', false);
  server.down('it wants a login', true);
  server.down('it wants a login', true);
  server.down('refused', false);
  server.up();
  server.down('refused', false);
  server.up();
  assert.deepEqual(told, [
    'a:1 is down: refused',
    '! a:1 is down: it wants a login',
    '! a:1 is up',
    'a:1 is down: refused',
    'a:1 is up',
  ]);
});
