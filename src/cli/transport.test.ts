import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { TRANSPORT_VARIABLE, transportOf } from './transport.ts';

test('the environment names the transport; nothing said is auto', () => {
  assert.equal(transportOf({}), 'auto');
  assert.equal(transportOf({ [TRANSPORT_VARIABLE]: '' }), 'auto');
  for (const name of ['auto', 'reactor', 'portable'])
    assert.equal(transportOf({ [TRANSPORT_VARIABLE]: name }), name);
});

test('another word is refused, named with its variable', () => {
  assert.throws(
    () => transportOf({ [TRANSPORT_VARIABLE]: 'Reactor' }),
    (error) =>
      error instanceof StartError &&
      error.message ===
        'Invalid value "Reactor" for TWINCACHED_TRANSPORT: reactor, portable or auto is needed',
  );
});
