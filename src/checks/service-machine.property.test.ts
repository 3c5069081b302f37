/*
 * The machine against a simulated world under random events: processes that die, refuse to die, hang, fail to
 * spawn; probes that answer, fail or get lost; commands at any moment. The invariants are checked after every step:
 *
 *  1. There are never two processes of one service, and no signal goes to one that is not alive.
 *  2. The machine's view (state, pid) agrees with the world.
 *  3. Something that must go on has a due time: only stopped, gave-up and unmonitored services may wait for ever.
 *  4. A stop always ends stopped, and a start (in a world that has become healthy) always ends running.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Random, seededRandom } from '../base/random.ts';
import {
  SERVICE_COMMANDS,
  type ServiceAction,
  type ServiceInput,
  ServiceMachine,
} from './service-machine.ts';
import { DEFAULT_POLICY } from './service-policy.ts';

const POLICY = {
  ...DEFAULT_POLICY,
  startTimeoutMs: 3000,
  firstStartsMax: 3,
  restartLimit: { restarts: 4, withinMs: 20_000, retryMs: 5000 },
};

/** A world with one service. Every event lies in a queue with its time. */
class World {
  readonly machine: ServiceMachine;
  readonly #random: Random;
  readonly #queue: { atMs: number; input: ServiceInput; process: number }[] = [];
  nowMs = 0;
  healthy = false;
  #process = 0;
  #alive = false;
  #spawning = false;
  #answers = true;
  #dying = false;

  constructor(random: Random) {
    this.#random = random;
    this.machine = new ServiceMachine(POLICY, random);
  }

  #chance(percent: number): boolean {
    return !this.healthy && this.#random.below(100) < percent;
  }

  #later(delayMs: number, input: ServiceInput): void {
    this.#queue.push({ atMs: this.nowMs + delayMs, input, process: this.#process });
  }

  feed(input: ServiceInput): void {
    for (const action of this.machine.step(input, this.nowMs)) this.#perform(action);
    this.#check();
  }

  /** Moves to the next event or due time, whatever is first. Returns false when nothing will ever happen. */
  advance(): boolean {
    this.#queue.sort((a, b) => a.atMs - b.atMs);
    const next = this.#queue[0];
    const dueMs = this.machine.dueMs();
    if (next === undefined && dueMs === Number.POSITIVE_INFINITY) return false;
    if (next !== undefined && next.atMs <= dueMs) {
      this.#queue.shift();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.#deliver(next.input, next.process);
    } else {
      assert.ok(
        dueMs - this.nowMs <= POLICY.backoffMsMax + POLICY.startTimeoutMs,
        'no wait is longer than its bound',
      );
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.feed({ type: 'tick' });
    }
    return true;
  }

  running(): boolean {
    return this.machine.state === 'running';
  }

  #deliver(input: ServiceInput, process: number): void {
    if (process !== this.#process && !input.type.startsWith('probe')) return;
    if (input.type === 'spawned') {
      this.#spawning = false;
      this.#alive = true;
      this.#dying = false;
      this.#answers = !this.#chance(30);
      if (this.#chance(40)) this.die(this.#random.below(4000), 1, null);
      if (this.#chance(20)) this.#later(this.#random.below(4000), { type: 'came-nearer', text: 'simulated' });
    } else if (input.type === 'spawn-failed') {
      this.#spawning = false;
    } else if (input.type === 'exited') {
      if (!this.#alive) return;
      this.#alive = false;
    }
    this.feed(input);
  }

  die(delayMs: number, code: number | null, signal: string | null): void {
    if (!this.#alive || this.#dying) return;
    if (delayMs < 100) this.#dying = true;
    this.#later(delayMs, { type: 'exited', code, signal, lastWords: '' });
  }

  #perform(action: ServiceAction): void {
    switch (action.type) {
      case 'spawn':
        assert.ok(!this.#alive && !this.#spawning, 'a second process was started');
        this.#process += 1;
        this.#spawning = true;
        if (this.#chance(10)) this.#later(1, { type: 'spawn-failed', reason: 'simulated' });
        else this.#later(this.#random.below(5), { type: 'spawned', pid: this.#process });
        break;
      case 'signal':
        assert.ok(this.#alive, `${action.signal} to a process that is not alive`);
        if (action.signal === 'SIGKILL') this.die(this.#random.below(20), null, 'SIGKILL');
        else if (action.signal === 'SIGTERM' && !this.#chance(30)) this.die(this.#random.below(50), 0, null);
        break;
      case 'probe': {
        assert.ok(this.#alive, 'a probe of a process that is not alive');
        const { serial } = action;
        if (this.#chance(5)) break;
        if (this.#answers && !this.#chance(20)) this.#later(1, { type: 'probe-ok', serial });
        else this.#later(POLICY.probeTimeoutMs, { type: 'probe-failed', serial, reason: 'simulated' });
        break;
      }
      case 'report':
      case 'event':
        break;
    }
  }

  #check(): void {
    const { state, pid, monitored } = this.machine;
    const idle = state === 'stopped' || state === 'gave-up' || state === 'backing-off';
    assert.equal(this.#alive || this.#spawning, !idle, `state ${state} against the world`);
    assert.equal(pid, this.#alive ? this.#process : null);
    const waits = this.machine.dueMs() === Number.POSITIVE_INFINITY;
    if (waits && !this.#spawning && monitored) assert.ok(state === 'stopped' || state === 'gave-up', state);
  }
}

test('under random events there is one process at most, and stop and start reach their end', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.array(
        fc.oneof(
          fc.constantFrom(...SERVICE_COMMANDS).map((command) => ({ type: 'command', command }) as const),
          fc.nat({ max: 60 }).map((steps) => ({ type: 'advance', steps }) as const),
          fc.constant({ type: 'crash' } as const),
        ),
        { maxLength: 60 },
      ),
      (seed, script) => {
        const world = new World(seededRandom(seed));
        for (const entry of script) {
          if (entry.type === 'command') world.feed({ type: 'command', command: entry.command });
          else if (entry.type === 'crash') world.die(0, null, 'SIGKILL');
          else for (let i = 0; i < entry.steps; i++) if (!world.advance()) break;
        }
        world.feed({ type: 'command', command: 'stop' });
        for (let i = 0; i < 1000 && world.advance(); i++);
        assert.equal(world.machine.state, 'stopped');
        world.healthy = true;
        world.feed({ type: 'command', command: 'start' });
        for (let i = 0; i < 1000 && !world.running(); i++) assert.ok(world.advance(), 'something goes on');
        assert.ok(world.running());
      },
    ),
    { numRuns: 2000 },
  );
});
