import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteWorld } from '../../testing/route-world.ts';
import { HealthGroup } from './health-group.ts';

function downTimes(flapWindowMs: number): number[] {
  const world = new RouteWorld({ mains: 1, backups: 0, settings: { flapWindowMs } }).start();
  const [server] = world.servers;
  const times: number[] = [];
  for (let round = 0; round < 14; round++) {
    server!.kill();
    world.run(1);
    const startMs = world.timeline.nowMs;
    server!.mode = 'up';
    while (world.router.upCount === 0) world.run(20);
    times.push(world.timeline.nowMs - startMs);
    world.run(200);
  }
  return times;
}

test('a server that goes up and down again and again is left alone for longer each time', () => {
  const damped = downTimes(10_000);
  assert.ok(
    damped.slice(0, 3).every((ms) => ms <= 60),
    `some restarts are none of it: ${damped}`,
  );
  assert.ok(damped.at(-1)! > 5_000, `${damped}`);
  assert.ok(damped.every((ms) => ms <= 60_100));
  assert.ok(downTimes(0).every((ms) => ms <= 60));
});

test('a server that flaps is asked all the same when there is no other one', () => {
  const world = new RouteWorld({ mains: 1, backups: 0, settings: { flapWindowMs: 10_000 } }).start();
  const client = world.client();
  for (let round = 0; round < 10; round++) {
    world.servers[0]!.kill();
    world.servers[0]!.mode = 'up';
    world.run(20);
    assert.equal(world.ask(client, 'set a 0 0 1\r\n1\r\n', 20), 'STORED\r\n', `round ${round}`);
  }
  world.nothingLeft();
});

test('a server that lets go of idle connections is no sick one, unless it does not come back', () => {
  const world = new RouteWorld({ mains: 1, backups: 0, settings: { flapWindowMs: 10_000 } }).start();
  const [server] = world.servers;
  const [destination] = world.router.destinations;
  assert.ok(server !== undefined && destination !== undefined);
  for (let round = 0; round < 20; round++) {
    world.run(1000);
    server.hangUp();
    world.run(1);
    assert.equal(world.router.upCount, 1, `round ${round}`);
  }
  assert.deepEqual([destination.downs, destination.figures.failures], [0, 0]);
  world.run(1000);
  server.mode = 'refusing';
  server.hangUp();
  world.run(1);
  assert.equal(world.router.upCount, 0);
  assert.equal(destination.downs, 1, 'it went down when it let go');
  // What is closed sooner, a client's request or not, is.
  server.mode = 'up';
  while (world.router.upCount === 0) world.run(20);
  world.run(900);
  server.hangUp();
  world.run(1);
  assert.equal(destination.downs, 2);
});

test('when too many servers look dead none is taken for dead', () => {
  const group = new HealthGroup(0.5);
  const members = Array.from({ length: 4 }, () => ({}));
  for (const member of members) group.join(member);
  const states: boolean[] = [];
  for (const member of members) {
    group.wentDown(member);
    states.push(group.failsOpen);
  }
  assert.deepEqual(states, [false, false, true, true]);
  states.length = 0;
  for (const member of members) {
    group.cameUp(member);
    states.push(group.failsOpen);
  }
  assert.deepEqual(states, [true, true, false, false]);
  assert.equal(group.openings, 1);
});

test('failing open, a request waits for a dial where it would have been refused', () => {
  const world = new RouteWorld({ mains: 2, backups: 2, settings: { failOpenShare: 0.3 } }).start();
  const client = world.client();
  for (const server of world.servers) server.kill();
  world.run(2000);
  const before = world.dials.length;
  for (const server of world.servers) server.mode = 'up';
  // Not the last resort of anybody: the first server that is asked is dialled.
  assert.match(world.ask(client, 'get a\r\n'), /^END/);
  assert.equal(world.dials.length - before, 1);
  world.nothingLeft();
});
