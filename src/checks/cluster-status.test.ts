import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterState } from './cluster-status.ts';
import type { ServiceState } from './service-machine.ts';

/** A pair and a proxy in the given states. */
function stateOf(a: ServiceState, b: ServiceState, proxy: ServiceState, restarts = 0): string {
  return clusterState([
    { group: 'pair', state: a, restarts },
    { group: 'pair', state: b, restarts },
    { group: 'proxy', state: proxy, restarts },
  ]);
}

test('a twin that runs elsewhere stands in for one here', () => {
  const services = [
    { group: 'pair', state: 'backing-off', restarts: 1 },
    { group: 'proxy', state: 'running', restarts: 0 },
  ] as const;
  assert.equal(clusterState(services), 'failing');
  assert.equal(clusterState(services, [{ group: 'pair', answers: false }]), 'failing');
  assert.equal(clusterState(services, [{ group: 'pair', answers: true }]), 'degraded');
  assert.equal(clusterState(services, [{ group: 'other', answers: true }]), 'failing');
});

test('a node here whose twin elsewhere is gone has nobody to stand in for it', () => {
  const services = [{ group: 'pair', state: 'running', restarts: 0 }] as const;
  assert.equal(clusterState(services, [{ group: 'pair', answers: true }]), 'ok');
  assert.equal(clusterState(services, [{ group: 'pair', answers: false }]), 'degraded');
});

test('the cluster is as good as its worst group', () => {
  assert.equal(stateOf('running', 'running', 'running'), 'ok');
  assert.equal(stateOf('running', 'backing-off', 'running'), 'degraded');
  assert.equal(stateOf('failing', 'running', 'running'), 'degraded');
  assert.equal(stateOf('failing', 'backing-off', 'running'), 'failing');
  assert.equal(stateOf('running', 'running', 'stopped'), 'failing');
  assert.equal(stateOf('running', 'running', 'gave-up'), 'failing');
  assert.equal(stateOf('starting', 'starting', 'starting'), 'starting');
  assert.equal(stateOf('running', 'running', 'starting'), 'starting');
  assert.equal(stateOf('running', 'running', 'starting', 1), 'failing');
  assert.equal(stateOf('stopped', 'stopping', 'stopped'), 'stopped');
});
