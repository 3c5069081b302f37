import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../base/random.ts';
import { type ServiceAction, type ServiceInput, ServiceMachine } from './service-machine.ts';
import { DEFAULT_POLICY, type ServicePolicy } from './service-policy.ts';

/** Drives one machine by hand on a virtual clock. */
class Bench {
  readonly machine: ServiceMachine;
  nowMs = 1000;
  /** What was told, as `NAME STATE`. */
  readonly told: string[] = [];

  constructor(policy: Partial<ServicePolicy> = {}) {
    this.machine = new ServiceMachine({ ...DEFAULT_POLICY, ...policy }, seededRandom(7));
  }

  /** Feeds an input, checks which actions come out (reports and events left aside), and returns the reports. */
  feed(input: ServiceInput, ...expected: string[]): string[] {
    const actions = this.machine.step(input, this.nowMs);
    for (const action of actions)
      if (action.type === 'event') this.told.push(`${action.event.name} ${action.event.state}`);
    assert.deepEqual(
      actions.filter(({ type }) => type !== 'report' && type !== 'event').map(name),
      expected,
      `actions after ${input.type}`,
    );
    return actions.flatMap((action) => (action.type === 'report' ? [action.text] : []));
  }

  command(command: 'start' | 'stop' | 'restart' | 'monitor' | 'unmonitor', ...expected: string[]): string[] {
    return this.feed({ type: 'command', command }, ...expected);
  }

  /** Moves the clock to when the machine wants to be called, and calls it. */
  due(...expected: string[]): string[] {
    const dueMs = this.machine.dueMs();
    assert.ok(Number.isFinite(dueMs), 'the machine waits for something');
    this.nowMs = Math.max(this.nowMs, dueMs);
    return this.feed({ type: 'tick' }, ...expected);
  }

  started(): void {
    this.command('start', 'spawn');
    this.feed({ type: 'spawned', pid: 42 });
    this.due('probe 1');
    this.feed({ type: 'probe-ok', serial: 1 });
    assert.equal(this.machine.state, 'running');
  }

  exited(code: number | null, signal: string | null, ...expected: string[]): string[] {
    return this.feed({ type: 'exited', code, signal, lastWords: '' }, ...expected);
  }
}

function name(action: ServiceAction): string {
  if (action.type === 'signal') return action.signal;
  return action.type === 'probe' ? `probe ${action.serial}` : action.type;
}

test('a service starts, is probed until it answers, and then runs', () => {
  const bench = new Bench();
  assert.equal(bench.machine.state, 'stopped');
  assert.equal(bench.machine.dueMs(), Number.POSITIVE_INFINITY);
  bench.command('start', 'spawn');
  assert.equal(bench.machine.state, 'starting');
  bench.feed({ type: 'spawned', pid: 42 });
  bench.due('probe 1');
  bench.feed({ type: 'probe-failed', serial: 1, reason: 'refused' });
  assert.equal(bench.machine.state, 'starting');
  assert.equal(bench.machine.dueMs(), bench.nowMs + DEFAULT_POLICY.startProbeIntervalMs);
  bench.due('probe 2');
  assert.deepEqual(bench.feed({ type: 'probe-ok', serial: 2 }), ['is running']);
  assert.equal(bench.machine.state, 'running');
  assert.equal(bench.machine.pid, 42);
  assert.equal(bench.machine.dueMs(), bench.nowMs + DEFAULT_POLICY.probeIntervalMs);
});

test('what comes nearer while it starts is waited for, and killed when it does so no more', () => {
  const bench = new Bench();
  bench.command('start', 'spawn');
  // Of no process yet.
  bench.feed({ type: 'came-nearer', text: 'gets its copy, 0 %' });
  bench.feed({ type: 'spawned', pid: 42 });
  const beginMs = bench.nowMs;
  for (let step = 1; step <= 5; step++) {
    bench.nowMs = beginMs + step * DEFAULT_POLICY.startTimeoutMs - 1;
    bench.feed({ type: 'came-nearer', text: `gets its copy, ${step} %` });
    assert.equal(bench.machine.state, 'starting');
    assert.equal(bench.machine.reason, `gets its copy, ${step} %`);
  }
  bench.nowMs += DEFAULT_POLICY.startTimeoutMs - 1;
  bench.machine.step({ type: 'tick' }, bench.nowMs);
  assert.equal(bench.machine.state, 'starting');
  bench.nowMs += 1;
  assert.deepEqual(bench.feed({ type: 'tick' }, 'SIGKILL'), [
    'no answer within 60000 ms of its last progress, killed',
  ]);
  bench.feed({ type: 'came-nearer', text: 'gets its copy, 6 %' });
  assert.equal(bench.machine.state, 'failing', 'too late');
});

test('a running service that dies is started at once', () => {
  const bench = new Bench();
  bench.started();
  assert.deepEqual(bench.exited(null, 'SIGKILL', 'spawn'), ['died of SIGKILL; restarted at once']);
  assert.equal(bench.machine.state, 'starting');
  assert.equal(bench.machine.restarts, 1);
  assert.equal(bench.machine.pid, null);
});

test('deaths in a row back off, and the delay is kept', () => {
  const bench = new Bench();
  bench.started();
  bench.exited(null, 'SIGSEGV', 'spawn');
  let before = 0;
  for (let i = 0; i < 8; i++) {
    bench.feed({ type: 'spawned', pid: 43 + i });
    bench.exited(1, null);
    assert.equal(bench.machine.state, 'backing-off');
    const delayMs = bench.machine.dueMs() - bench.nowMs;
    assert.ok(delayMs >= before, 'the delay grows');
    before = delayMs;
    bench.feed({ type: 'tick' });
    assert.equal(bench.machine.state, 'backing-off', 'a tick before its time changes nothing');
    bench.due('spawn');
  }
  assert.ok(before >= 6000);
});

test('ten healthy seconds make the next restart immediate again, less do not', () => {
  for (const [healthyMs, state] of [
    [DEFAULT_POLICY.healthyMs, 'starting'],
    [DEFAULT_POLICY.healthyMs - 1, 'backing-off'],
  ] as const) {
    const bench = new Bench();
    bench.started();
    bench.exited(null, 'SIGKILL', 'spawn');
    bench.feed({ type: 'spawned', pid: 2 });
    bench.due('probe 2');
    bench.feed({ type: 'probe-ok', serial: 2 });
    bench.nowMs += healthyMs;
    bench.machine.step({ type: 'exited', code: null, signal: 'SIGKILL', lastWords: '' }, bench.nowMs);
    assert.equal(bench.machine.state, state);
  }
});

test('who has served for a second is not kept waiting long, however often it has died, where the policy says so', () => {
  const bench = new Bench({ settledBackoffMsMax: 500 });
  bench.started();
  /** @returns for how long it is not started */
  const pauseMs = (life: 'silent' | 'short' | 'settled'): number => {
    const { state } = bench.machine;
    if (state === 'backing-off') bench.due('spawn');
    bench.feed({ type: 'spawned', pid: 2 });
    if (life !== 'silent') {
      bench.nowMs = bench.machine.dueMs();
      const [asked] = bench.machine.step({ type: 'tick' }, bench.nowMs);
      assert.equal(asked?.type, 'probe');
      bench.machine.step({ type: 'probe-ok', serial: asked.serial }, bench.nowMs);
      bench.nowMs += life === 'settled' ? DEFAULT_POLICY.settledMs : DEFAULT_POLICY.settledMs - 1;
    }
    bench.machine.step({ type: 'exited', code: null, signal: 'SIGKILL', lastWords: '' }, bench.nowMs);
    return bench.machine.state === 'starting' ? 0 : bench.machine.dueMs() - bench.nowMs;
  };
  bench.exited(null, 'SIGKILL', 'spawn');
  const pauses = Array.from({ length: 20 }, () => pauseMs('settled'));
  assert.ok(
    pauses.every((ms) => ms > 0 && ms <= 500),
    pauses.join(' '),
  );
  assert.ok(new Set(pauses.slice(10)).size > 1, 'spread by chance');
  for (const life of ['short', 'silent'] as const) {
    const longMs = pauseMs(life);
    assert.ok(longMs >= 15_000, `${life}: ${longMs}`);
  }
  assert.ok(pauseMs('settled') <= 500);
});

test('what never served and ends by itself is given up with its own words, and a start tries again', () => {
  const bench = new Bench();
  bench.command('start', 'spawn');
  bench.feed({ type: 'spawned', pid: 1 });
  const reports = bench.feed({ type: 'exited', code: 71, signal: null, lastWords: 'port 1 is busy' });
  assert.deepEqual(reports, ['exited with code 71: port 1 is busy; given up']);
  assert.equal(bench.machine.state, 'gave-up');
  assert.equal(bench.machine.reason, 'exited with code 71: port 1 is busy');
  assert.equal(bench.machine.dueMs(), Number.POSITIVE_INFINITY);
  bench.command('start', 'spawn');
  assert.equal(bench.machine.state, 'starting');
});

test('a program that cannot be spawned is given up; stop then makes it stopped', () => {
  const bench = new Bench();
  bench.command('start', 'spawn');
  bench.feed({ type: 'spawn-failed', reason: 'no such file' });
  assert.equal(bench.machine.state, 'gave-up');
  bench.command('stop');
  assert.equal(bench.machine.state, 'stopped');
});

test('what has served once is never given up', () => {
  const bench = new Bench();
  bench.started();
  bench.exited(1, null, 'spawn');
  for (let i = 0; i < 50; i++) {
    bench.feed({ type: 'spawned', pid: i });
    bench.exited(1, null);
    bench.due('spawn');
  }
});

test('stop sends TERM and CONT, then KILL after the timeout, repeated until the process is gone', () => {
  const bench = new Bench();
  bench.started();
  bench.command('stop', 'SIGTERM', 'SIGCONT');
  assert.equal(bench.machine.state, 'stopping');
  assert.equal(bench.machine.dueMs(), bench.nowMs + DEFAULT_POLICY.stopTimeoutMs);
  bench.command('stop');
  bench.due('SIGKILL');
  bench.due('SIGKILL');
  assert.deepEqual(bench.exited(null, 'SIGKILL'), ['stopped']);
  assert.equal(bench.machine.state, 'stopped');
  assert.equal(bench.machine.restarts, 0);
});

test('stop before the spawn has happened takes effect when it has', () => {
  const bench = new Bench();
  bench.command('start', 'spawn');
  bench.command('stop');
  assert.equal(bench.machine.state, 'stopping');
  bench.feed({ type: 'spawned', pid: 9 }, 'SIGTERM', 'SIGCONT');
  bench.exited(0, null);
  assert.equal(bench.machine.state, 'stopped');
});

test('stop while backing off stops at once and nothing is started later', () => {
  const bench = new Bench();
  bench.started();
  bench.exited(null, 'SIGKILL', 'spawn');
  bench.feed({ type: 'spawned', pid: 3 });
  bench.exited(null, 'SIGKILL');
  assert.equal(bench.machine.state, 'backing-off');
  bench.command('stop');
  assert.equal(bench.machine.state, 'stopped');
  assert.equal(bench.machine.dueMs(), Number.POSITIVE_INFINITY);
});

test('restart stops and starts; start during a stop starts afterwards', () => {
  for (const commands of [['restart'], ['stop', 'start'], ['stop', 'restart']] as const) {
    const bench = new Bench();
    bench.started();
    bench.command(commands[0], 'SIGTERM', 'SIGCONT');
    for (const command of commands.slice(1)) bench.command(command);
    bench.exited(0, null, 'spawn');
    assert.equal(bench.machine.state, 'starting');
    assert.equal(bench.machine.restarts, 0);
  }
});

test('a process that the kernel says is stopped is killed at the second look in a row, while its probe is under way', () => {
  const bench = new Bench();
  bench.started();
  bench.due('probe 2');
  const look = (serial: number, isStopped: boolean, ...expected: string[]): unknown =>
    bench.feed({ type: 'looked-at', serial, isStopped, couldAnswer: false }, ...expected);
  look(2, true);
  look(2, false);
  look(2, true);
  look(1, true);
  assert.equal(bench.machine.state, 'running', 'one look is not enough, nor one of another probe');
  bench.feed({ type: 'probe-ok', serial: 2 });
  bench.due('probe 3');
  look(3, true);
  assert.equal(bench.machine.state, 'running', 'what it has answered since counts');
  look(3, true, 'SIGKILL');
  look(3, true);
  assert.deepEqual(bench.exited(null, 'SIGKILL', 'spawn'), [
    'hangs (it has been stopped by a signal), killed; restarted at once',
  ]);
});

test('a process that could answer is killed at the second such look in a row at one probe', () => {
  const bench = new Bench();
  const look = (serial: number, couldAnswer: boolean, ...expected: string[]): unknown =>
    bench.feed({ type: 'looked-at', serial, isStopped: false, couldAnswer }, ...expected);
  bench.command('start', 'spawn');
  bench.feed({ type: 'spawned', pid: 42 });
  bench.due('probe 1');
  for (let looks = 0; looks < 5; looks++) look(1, true);
  assert.equal(bench.machine.state, 'starting', 'one that starts has its time');
  bench.feed({ type: 'probe-ok', serial: 1 });
  bench.due('probe 2');
  look(2, true);
  look(2, false);
  look(2, true);
  bench.feed({ type: 'probe-failed', serial: 2, reason: 'no answer' });
  bench.due('probe 3');
  look(3, true);
  assert.equal(bench.machine.state, 'failing', 'looks at another probe do not count');
  look(3, true, 'SIGKILL');
  assert.deepEqual(bench.exited(null, 'SIGKILL', 'spawn'), [
    'hangs (no answer, though nothing keeps it from answering), killed; restarted at once',
  ]);
});

test('a hung process is killed after three failed probes and replaced', () => {
  const bench = new Bench();
  bench.started();
  for (let serial = 2; serial <= 4; serial++) {
    bench.due(`probe ${serial}`);
    const expected = serial === 4 ? ['SIGKILL'] : [];
    bench.feed({ type: 'probe-failed', serial, reason: 'timeout' }, ...expected);
    assert.equal(bench.machine.state, 'failing');
  }
  assert.deepEqual(bench.exited(null, 'SIGKILL', 'spawn'), [
    'hangs (timeout, 3 of 3), killed; restarted at once',
  ]);
  assert.equal(bench.machine.restarts, 1);
});

test('an answer in between clears the failures', () => {
  const bench = new Bench();
  bench.started();
  for (let serial = 2; serial <= 3; serial++) {
    bench.due(`probe ${serial}`);
    bench.feed({ type: 'probe-failed', serial, reason: 'timeout' });
  }
  bench.due('probe 4');
  assert.deepEqual(bench.feed({ type: 'probe-ok', serial: 4 }), ['answers again']);
  for (let serial = 5; serial <= 6; serial++) {
    bench.due(`probe ${serial}`);
    bench.feed({ type: 'probe-failed', serial, reason: 'timeout' });
  }
  assert.equal(bench.machine.state, 'failing');
});

test('a probe whose result never comes counts as failed; a late or foreign result counts for nothing', () => {
  const bench = new Bench();
  bench.started();
  bench.due('probe 2');
  assert.equal(bench.machine.dueMs(), bench.nowMs + 2 * DEFAULT_POLICY.probeTimeoutMs);
  assert.deepEqual(bench.due(), ['does not answer (the probe was lost, 1 of 3)']);
  bench.feed({ type: 'probe-ok', serial: 2 });
  assert.equal(bench.machine.state, 'failing');
  bench.feed({ type: 'probe-failed', serial: 99, reason: 'foreign' });
  assert.equal(bench.machine.probeFailures, 1);
});

test('a result of the process before does not count for its successor', () => {
  const bench = new Bench();
  bench.started();
  bench.due('probe 2');
  bench.exited(null, 'SIGKILL', 'spawn');
  bench.feed({ type: 'spawned', pid: 5 });
  bench.feed({ type: 'probe-ok', serial: 2 });
  assert.equal(bench.machine.state, 'starting');
});

test('what does not answer in its start time is killed and started again later', () => {
  const bench = new Bench({ startTimeoutMs: 1000 });
  bench.command('start', 'spawn');
  bench.feed({ type: 'spawned', pid: 1 });
  let killed = false;
  for (let i = 0; i < 100 && !killed; i++) {
    bench.nowMs = bench.machine.dueMs();
    for (const action of bench.machine.step({ type: 'tick' }, bench.nowMs)) {
      if (action.type === 'probe')
        bench.feed({ type: 'probe-failed', serial: action.serial, reason: 'refused' });
      killed ||= action.type === 'signal' && action.signal === 'SIGKILL';
    }
  }
  assert.ok(killed);
  assert.equal(bench.machine.state, 'failing');
  bench.exited(null, 'SIGKILL');
  assert.equal(bench.machine.state, 'backing-off', 'it did not end by itself, so it is not given up');
});

test('an unmonitored service is left alone, alive or dead, until it is monitored again', () => {
  const bench = new Bench();
  bench.started();
  bench.command('unmonitor');
  assert.equal(bench.machine.dueMs(), Number.POSITIVE_INFINITY);
  bench.exited(null, 'SIGKILL');
  assert.equal(bench.machine.state, 'stopped');
  bench.command('monitor', 'spawn');
  bench.feed({ type: 'spawned', pid: 8 });
  bench.due('probe 2');
  bench.feed({ type: 'probe-ok', serial: 2 });
  bench.command('unmonitor');
  bench.command('monitor');
  bench.due('probe 3');
});

test('a service that was stopped stays stopped when it is monitored again', () => {
  const bench = new Bench();
  bench.started();
  bench.command('stop', 'SIGTERM', 'SIGCONT');
  bench.exited(0, null);
  bench.command('unmonitor');
  bench.command('monitor');
  assert.equal(bench.machine.state, 'stopped');
});

/** It answers the probe that is due now. */
function answer(bench: Bench, serial: number): void {
  bench.due(`probe ${serial}`);
  bench.feed({ type: 'probe-ok', serial });
  assert.equal(bench.machine.state, 'running');
}

test('of a death, a hang and a given-up service is told once, and once when it is over', () => {
  const bench = new Bench();
  bench.started();
  bench.exited(null, 'SIGKILL', 'spawn');
  bench.feed({ type: 'spawned', pid: 43 });
  // Dead again before it has answered: nothing new.
  bench.exited(1, null);
  assert.deepEqual(bench.told, ['nonexist failed']);
  bench.due('spawn');
  bench.feed({ type: 'spawned', pid: 44 });
  answer(bench, 2);
  assert.deepEqual(bench.told.splice(0), ['nonexist failed', 'nonexist succeeded']);
  for (const serial of [3, 4, 5]) {
    bench.due(`probe ${serial}`);
    const killed = serial === 5 ? ['SIGKILL'] : [];
    bench.feed({ type: 'probe-failed', serial, reason: 'no answer' }, ...killed);
  }
  bench.exited(null, 'SIGKILL');
  bench.due('spawn');
  assert.deepEqual(bench.told, ['connection failed'], 'its end is not told besides');
  bench.feed({ type: 'spawned', pid: 45 });
  answer(bench, 6);
  assert.deepEqual(bench.told.splice(0), ['connection failed', 'connection succeeded']);
  bench.command('stop', 'SIGTERM', 'SIGCONT');
  bench.exited(0, null);
  assert.deepEqual(bench.told, [], 'what was asked for is no trouble');
});

test('one that was started anew as often as the limit allows is given up, until an operator starts it', () => {
  const bench = new Bench({ restartLimit: { restarts: 2, withinMs: 60_000, retryMs: null }, healthyMs: 0 });
  bench.started();
  let serial = 1;
  const dies = (): void => {
    bench.exited(null, 'SIGKILL', 'spawn');
    bench.feed({ type: 'spawned', pid: 50 });
    serial += 1;
    answer(bench, serial);
  };
  dies();
  // The first of them is too long ago when the third comes.
  bench.nowMs += 60_001;
  dies();
  dies();
  assert.equal(bench.machine.state, 'running');
  bench.told.length = 0;
  assert.deepEqual(bench.exited(null, 'SIGKILL'), [
    'died of SIGKILL; it was started anew 2 times within 60 s; given up',
  ]);
  assert.equal(bench.machine.state, 'gave-up');
  assert.equal(bench.machine.dueMs(), Number.POSITIVE_INFINITY);
  assert.deepEqual(bench.told.splice(0), ['timeout failed']);
  bench.command('start', 'spawn');
  bench.feed({ type: 'spawned', pid: 60 });
  answer(bench, serial + 1);
  assert.deepEqual(bench.told, ['timeout succeeded']);
  // The count begins anew.
  bench.exited(null, 'SIGKILL', 'spawn');
});

test('one that was given up is tried once more when its time has come, and not when somebody has stopped it meanwhile', () => {
  const bench = new Bench({ restartLimit: { restarts: 1, withinMs: 60_000, retryMs: 5000 } });
  const giveUp = (serial: number): void => {
    bench.exited(null, 'SIGKILL', 'spawn');
    bench.feed({ type: 'spawned', pid: 50 });
    answer(bench, serial);
    bench.exited(null, 'SIGKILL');
    assert.equal(bench.machine.state, 'gave-up');
  };
  bench.started();
  giveUp(2);
  const { nowMs } = bench;
  assert.deepEqual(bench.due('spawn'), ['is tried once more']);
  assert.equal(bench.nowMs, nowMs + 5000);
  bench.feed({ type: 'spawned', pid: 51 });
  answer(bench, 3);
  giveUp(4);
  bench.command('unmonitor');
  assert.equal(bench.machine.dueMs(), Number.POSITIVE_INFINITY);
  bench.command('start', 'spawn');
  bench.feed({ type: 'spawned', pid: 52 });
  answer(bench, 5);
  giveUp(6);
  bench.command('stop');
  assert.equal(bench.machine.state, 'stopped');
  assert.equal(bench.machine.dueMs(), Number.POSITIVE_INFINITY);
});

test('another policy holds from the next probe on', () => {
  const bench = new Bench();
  bench.started();
  bench.machine.usePolicy({ ...DEFAULT_POLICY, probeIntervalMs: 7000, probeFailuresMax: 1 });
  bench.due('probe 2');
  const { nowMs } = bench;
  bench.feed({ type: 'probe-ok', serial: 2 });
  bench.due('probe 3');
  assert.equal(bench.nowMs, nowMs + 7000);
  bench.feed({ type: 'probe-failed', serial: 3, reason: 'no answer' }, 'SIGKILL');
});
