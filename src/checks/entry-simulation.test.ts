/*
 * All entries of a small control file against a simulated host: programs that fail, that hang, that leave nothing behind; processes that die,
 * hang, ignore signals, come back by themselves; commands at any moment. 200 seeds; SEED=N replays one. After every step:
 *
 *  1. A service never has two processes.
 *  2. Signals go to the service's own processes alone.
 *  3. What must go on has a due time, or something on its way.
 *  4. A first start does not overtake those that it depends on.
 *
 * At the end `stop all` leaves no process; and in a host that has become healthy `start all` leaves everything running, each once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, seededRandom } from '../base/random.ts';
import { parseControlFile } from '../control/control-file.ts';
import type { EntryInput } from './entry-inputs.ts';
import { DEFAULT_ENTRY_POLICY } from './entry-policy.ts';
import { EntrySupervisor, type NamedAction } from './entry-supervisor.ts';
import { EMPTY_SAMPLE, figure, type ProbeOutcome } from './sample.ts';
import { SERVICE_COMMANDS } from './service-machine.ts';

const CALENDAR = { minute: 0, hour: 0, dayOfMonth: 1, month: 1, dayOfWeek: 0 };
const CYCLE_MS = 5000;

const FILE = `
set daemon 5
check process node1 with pidfile /1
  start program = "/start" with timeout 10 seconds
  stop program = "/stop" with timeout 5 seconds
  if failed port 1 protocol memcache for 2 cycles then restart
  if cpu > 60% for 3 cycles then restart
  if 3 restarts within 5 cycles then timeout
check process node2 with pidfile /2
  start program = "/start"
  if failed port 2 then restart
check process proxy with pidfile /3
  start program = "/start" restart program = "/restart"
  if failed port 3 then restart
  depends on node1, node2
check process quiet with pidfile /4
  start program = "/start"
  mode passive
  depends on proxy
check host outside with address 127.0.0.1
  if failed port 4 then exec "/tell" repeat every 2 cycles
check program script with path "/script" start program = "/start" stop program = "/stop"
  if status != 0 then alert
`;

interface SimulatedProcess {
  readonly pid: number;
  hangs: boolean;
}

/** One service's part of the host. */
class Site {
  processes: SimulatedProcess[] = [];
  /** All that it ever had. */
  readonly pids: Set<number> = new Set();
  /** Grows when programs are ended, so that what they would still have done is void. */
  generation = 0;
}

class SimulatedHost {
  readonly supervisor: EntrySupervisor;
  readonly sites: Map<string, Site> = new Map();
  readonly #random: Random;
  readonly #queue: { readonly atMs: number; readonly run: () => void }[] = [];
  nowMs = 0;
  healthy = false;
  #pid = 100;
  #nextCycleMs = 0;

  constructor(random: Random) {
    this.#random = random;
    const tree = parseControlFile('file', { hostName: 'h', glob: () => [], read: () => FILE });
    this.supervisor = new EntrySupervisor(tree, {
      limits: tree.settings.limits,
      cores: 2,
      random,
      policy: { ...DEFAULT_ENTRY_POLICY, giveUpRetryMsMin: 20_000, giveUpRetryMsMax: 40_000 },
    });
    for (const { entry } of this.supervisor.machines) this.sites.set(entry.name, new Site());
  }

  #chance(percent: number): boolean {
    return !this.healthy && this.#random.below(100) < percent;
  }

  #later(delayMs: number, run: () => void): void {
    this.#queue.push({ atMs: this.nowMs + delayMs, run });
  }

  site(name: string): Site {
    const site = this.sites.get(name);
    assert.ok(site !== undefined);
    return site;
  }

  feed(name: string, input: EntryInput): void {
    this.#perform(this.supervisor.step(name, input, this.nowMs));
  }

  command(names: readonly string[], command: (typeof SERVICE_COMMANDS)[number]): void {
    this.#perform(this.supervisor.command(names, command, this.nowMs));
  }

  /** The pid file names the newest process, as daemons write it when they are up. */
  observe(name: string): void {
    const machine = this.supervisor.machine(name);
    if (machine?.entry.type !== 'process') return;
    const pid = this.site(name).processes.at(-1)?.pid ?? null;
    if (pid !== machine.pid || machine.state === 'initializing') this.feed(name, { type: 'observed', pid });
  }

  die(name: string): void {
    this.site(name).processes.pop();
    this.observe(name);
  }

  hang(name: string): void {
    for (const process of this.site(name).processes) process.hangs = true;
  }

  /** Goes on to the next thing that happens. */
  advance(): void {
    this.#queue.sort((a, b) => a.atMs - b.atMs);
    const next = this.#queue[0];
    const dueMs = Math.min(this.supervisor.dueMs(), this.#nextCycleMs);
    if (next !== undefined && next.atMs <= dueMs) {
      this.#queue.shift();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    } else {
      this.nowMs = Math.max(this.nowMs, dueMs);
      if (this.nowMs >= this.#nextCycleMs) {
        this.#nextCycleMs = this.nowMs + CYCLE_MS;
        for (const name of this.sites.keys()) this.feed(name, { type: 'cycle', calendar: CALENDAR });
      }
      this.#perform(this.supervisor.tick(this.nowMs));
    }
    for (const name of this.sites.keys()) this.observe(name);
    this.#check();
  }

  #perform(actions: readonly NamedAction[]): void {
    for (const { name, action } of actions) {
      const site = this.site(name);
      switch (action.type) {
        case 'run':
          if (action.role === 'stop') this.#runStop(name);
          else this.#runStart(name, action.role);
          break;
        case 'abandon-start':
          site.generation += 1;
          site.processes = [];
          break;
        case 'signal': {
          const process = site.processes.find(({ pid }) => pid === action.pid);
          assert.ok(
            site.pids.has(action.pid),
            `${action.signal} to ${action.pid}, never a process of ${name}`,
          );
          // It has ended, and that is not seen yet: whoever sends the signal looks first.
          if (process === undefined) break;
          const ends =
            action.signal === 'SIGKILL' ||
            (action.signal === 'SIGTERM' && !process.hangs && !this.#chance(20));
          if (ends) this.#later(this.#random.below(300), () => this.#end(name, action.pid));
          break;
        }
        case 'sample':
          if (this.#chance(3)) break;
          this.#later(this.#random.below(2000), () => this.#sample(name, action.serial));
          break;
        default:
          break;
      }
    }
  }

  #end(name: string, pid: number): void {
    const site = this.site(name);
    site.processes = site.processes.filter((process) => process.pid !== pid);
    this.observe(name);
  }

  #runStart(name: string, role: 'start' | 'restart'): void {
    const machine = this.supervisor.machine(name);
    const site = this.site(name);
    if (machine?.entry.type === 'process' && role === 'start') {
      assert.equal(site.processes.length, 0, `${name} is started while it runs`);
      for (const { name: need } of machine.entry.dependsOn) {
        const other = this.supervisor.machine(need);
        const isOpen = other?.isMonitored === true && other.state === 'initializing';
        if (machine.restarts === 0) assert.ok(!isOpen, `${name} is started before ${need}`);
      }
    }
    site.generation += 1;
    const { generation } = site;
    const fails = this.#chance(15);
    const isSilent = this.#chance(10);
    const delayMs = this.#chance(5) ? 20_000 : this.#random.below(800);
    if (role === 'restart') site.processes = [];
    this.#later(delayMs, () => {
      if (site.generation !== generation) return;
      const left = !fails && !isSilent && machine?.entry.type === 'process';
      if (left) {
        this.#pid += 1;
        const process = { pid: this.#pid, hangs: this.#chance(10) };
        site.processes.push(process);
        site.pids.add(process.pid);
        if (this.#chance(30)) this.#later(this.#random.below(20_000), () => this.#end(name, process.pid));
      }
      this.observe(name);
      const text = fails ? 'exit status 1' : 'exit status 0';
      this.feed(name, { type: 'program-ended', role, isOk: !fails, text, leftProcesses: left });
    });
  }

  #runStop(name: string): void {
    const site = this.site(name);
    const works = !this.#chance(40) && !site.processes.some(({ hangs }) => hangs);
    const isOk = !this.#chance(30);
    this.#later(this.#random.below(500), () => {
      if (works) site.processes = [];
      this.observe(name);
      this.feed(name, { type: 'program-ended', role: 'stop', isOk, text: 'ended', leftProcesses: null });
      this.observe(name);
    });
  }

  #sample(name: string, serial: number): void {
    const { processes } = this.site(name);
    const answers = processes.length > 0 && !processes.some(({ hangs }) => hangs);
    const outcome: ProbeOutcome = { isOk: answers, text: 'simulated', responseMs: answers ? 1 : null };
    const sample = {
      ...EMPTY_SAMPLE,
      exists: processes.length > 0,
      figures: { cpu: figure(null, this.#chance(20) ? 99 : 1), status: figure(this.#chance(50) ? 1 : 0) },
      probes: new Map([[0, outcome]]),
    };
    this.feed(name, { type: 'sampled', serial, sample });
  }

  #check(): void {
    for (const [name, { processes }] of this.sites) {
      const machine = this.supervisor.machine(name);
      assert.ok(machine !== null && processes.length <= 1, `${name} has ${processes.length} processes`);
      const { state } = machine;
      if (state === 'starting' || state === 'stopping' || state === 'backing-off' || state === 'gave-up') {
        const onItsWay = machine.entry.type !== 'process' && state === 'stopping';
        assert.ok(machine.dueMs() < Number.POSITIVE_INFINITY || onItsWay, `${name} is ${state} for ever`);
      }
    }
  }
}

const SEEDS = process.env['SEED'] === undefined ? 200 : 1;
const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const PROCESSES = ['node1', 'node2', 'proxy', 'quiet'];

function settle(host: SimulatedHost, what: string, condition: () => boolean): void {
  for (let step = 0; step < 5000; step++) {
    if (condition()) return;
    host.advance();
  }
  const states = host.supervisor.machines.map(
    ({ entry, state, reason }) => `${entry.name} ${state} (${reason})`,
  );
  assert.fail(`${what}: ${states.join(', ')}`);
}

test('under random faults and commands there is one process at most, and stop and start reach their end', () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const random = seededRandom(seed);
    const host = new SimulatedHost(random);
    try {
      for (let step = 0; step < 600; step++) {
        const dice = random.below(100);
        const name = PROCESSES[random.below(PROCESSES.length)] ?? 'node1';
        if (dice < 3) host.die(name);
        else if (dice < 5) host.hang(name);
        else if (dice < 8) {
          const command = SERVICE_COMMANDS[random.below(SERVICE_COMMANDS.length)] ?? 'start';
          host.command(random.below(4) === 0 ? [...host.sites.keys()] : [name], command);
        } else host.advance();
      }
      host.command([...host.sites.keys()], 'stop');
      const atRest = (): boolean =>
        host.supervisor.machines.every(
          ({ state, entry }) => state === 'stopped' && host.supervisor.pending(entry.name) === null,
        );
      settle(host, 'everything is stopped', atRest);
      for (const [site, { processes }] of host.sites) assert.deepEqual(processes, [], site);
      host.healthy = true;
      host.command([...host.sites.keys()], 'start');
      settle(host, 'everything runs', () =>
        host.supervisor.machines.every(({ state, isMonitored }) => state === 'running' && isMonitored),
      );
      for (const name of PROCESSES) assert.equal(host.site(name).processes.length, 1, name);
    } catch (error) {
      throw new Error(`seed ${seed} at ${host.nowMs} ms: SEED=${seed} replays it`, { cause: error });
    }
  }
});
