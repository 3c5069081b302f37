import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlTree } from '../../testing/control-entries.ts';
import { seededRandom } from '../base/random.ts';
import { SERVICES_MAX } from '../control/control-file.ts';
import { EntrySupervisor, type NamedAction } from './entry-supervisor.ts';

/** A chain a -> b -> c -> d, where each name depends on the next, with programs that do what they should at once. */
class Chain {
  readonly supervisor: EntrySupervisor;
  readonly log: string[] = [];
  /** What has been told of what somebody asked for. */
  readonly told: string[] = [];
  #pid = 1;

  constructor() {
    const entry = (name: string, need: string): string =>
      `check process ${name} with pidfile /${name} start program = "/start" ${need === '' ? '' : `depends on ${need}`}`;
    const tree = controlTree([entry('a', 'b'), entry('b', 'c'), entry('c', 'd'), entry('d', '')].join('\n'));
    this.supervisor = new EntrySupervisor(tree, {
      limits: tree.settings.limits,
      cores: 1,
      random: seededRandom(1),
    });
  }

  do(actions: readonly NamedAction[]): string[] {
    this.log.length = 0;
    this.#perform(actions);
    return this.log.splice(0);
  }

  #perform(actions: readonly NamedAction[]): void {
    for (const { name, action } of actions) {
      if (action.type === 'run') {
        this.log.push(`start ${name}`);
        this.#perform(this.supervisor.step(name, { type: 'observed', pid: this.#pid++ }, 0));
      } else if (action.type === 'signal' && action.signal === 'SIGTERM') {
        this.log.push(`stop ${name}`);
        this.#perform(this.supervisor.step(name, { type: 'observed', pid: null }, 0));
      } else if (action.type === 'event' && action.event.name === 'action')
        this.told.push(`${name}: ${action.event.description}`);
    }
  }

  /** Everything runs. */
  boot(): string[] {
    const log: string[] = [];
    for (let round = 0; round < 4; round++)
      for (const { entry, state } of this.supervisor.machines)
        if (state === 'initializing')
          log.push(...this.do(this.supervisor.step(entry.name, { type: 'observed', pid: null }, 0)));
    return log;
  }

  command(names: string[], command: Parameters<EntrySupervisor['command']>[1]): string[] {
    return this.do(this.supervisor.command(names, command, 0));
  }

  get monitored(): string {
    return this.supervisor.machines
      .filter(({ isMonitored }) => isMonitored)
      .map(({ entry }) => entry.name)
      .join(' ');
  }
}

test('the first start goes from what is needed to what needs it', () => {
  assert.deepEqual(new Chain().boot(), ['start d', 'start c', 'start b', 'start a']);
});

test('stop all goes the other way, each once', () => {
  const chain = new Chain();
  chain.boot();
  assert.deepEqual(chain.command(['a', 'b', 'c', 'd'], 'stop'), ['stop a', 'stop b', 'stop c', 'stop d']);
});

test('stop takes down what depends on it, start brings up what it depends on', () => {
  const chain = new Chain();
  chain.boot();
  assert.deepEqual(chain.command(['d'], 'stop'), ['stop a', 'stop b', 'stop c', 'stop d']);
  assert.deepEqual(chain.command(['b'], 'start'), ['start d', 'start c', 'start b']);
  assert.equal(chain.monitored, 'b c d');
});

test('restart takes those along that depend on it', () => {
  const chain = new Chain();
  chain.boot();
  assert.deepEqual(chain.command(['c'], 'restart'), [
    'stop a',
    'stop b',
    'stop c',
    'start c',
    'start b',
    'start a',
  ]);
  chain.command(['b'], 'unmonitor');
  assert.deepEqual(chain.command(['d'], 'restart'), ['stop c', 'stop d', 'start d', 'start c']);
});

test('what somebody asks for is told of when it is over, of those that were named', () => {
  const chain = new Chain();
  chain.boot();
  assert.deepEqual(chain.told, []);
  const commands = ['stop', 'start', 'restart', 'unmonitor', 'monitor'] as const;
  for (const command of commands) chain.command(['c'], command);
  chain.command(['c'], 'start');
  assert.deepEqual(chain.told.splice(0), [
    ...commands.map((command) => `c: ${command} action done`),
    'c: start action done',
  ]);
  // A death afterwards is nobody's request.
  chain.do(chain.supervisor.step('c', { type: 'observed', pid: null }, 0));
  assert.deepEqual(chain.told, []);
});

test('a start that somebody asks for and that fails is told of as failed, once', () => {
  const { supervisor } = new Chain();
  const told: string[] = [];
  const look = (actions: readonly NamedAction[]): void => {
    for (const { name, action } of actions)
      if (action.type === 'event' && action.event.name === 'action')
        told.push(`${name}: ${action.event.description}`);
  };
  look(supervisor.step('d', { type: 'observed', pid: null }, 0));
  look(supervisor.command(['d'], 'start', 0));
  assert.deepEqual(told, []);
  look(
    supervisor.step(
      'd',
      { type: 'program-ended', role: 'start', isOk: false, text: 'no', leftProcesses: false },
      0,
    ),
  );
  for (let nowMs = 1000; nowMs < 60_000; nowMs += 1000) look(supervisor.tick(nowMs));
  assert.deepEqual(told, ['d: start action failed']);
});

test('a death is no affair of the others', () => {
  const chain = new Chain();
  chain.boot();
  assert.deepEqual(chain.do(chain.supervisor.step('c', { type: 'observed', pid: null }, 0)), ['start c']);
});

test('monitor and unmonitor go along the dependencies, too', () => {
  const chain = new Chain();
  chain.boot();
  chain.command(['c'], 'unmonitor');
  assert.equal(chain.monitored, 'd');
  chain.command(['b'], 'monitor');
  assert.equal(chain.monitored, 'b c d');
});

test('names are found whatever their case, and unknown ones do nothing', () => {
  const chain = new Chain();
  chain.boot();
  assert.equal(chain.supervisor.machine('A')?.entry.name, 'a');
  assert.deepEqual(chain.command(['nobody'], 'stop'), []);
});

test('what is monitored again, or restarted, while what it needs is not up yet waits for that', () => {
  for (const command of ['monitor', 'restart', 'start'] as const) {
    const chain = new Chain();
    chain.do(chain.supervisor.command(['a'], 'unmonitor', 0));
    chain.do(chain.supervisor.step('a', { type: 'observed', pid: null }, 0));
    assert.deepEqual(chain.command(['a'], command), [], command);
    assert.equal(chain.supervisor.pending('a'), command === 'restart' ? 'start' : command);
    assert.deepEqual(chain.boot(), ['start d', 'start c', 'start b', 'start a'], command);
    assert.equal(chain.supervisor.pending('a'), null);
  }
});

test('a command reaches all of a chain that is longer than the stack is deep', () => {
  const chain = Array.from(
    { length: SERVICES_MAX },
    (_, index) => `check process p${index} with pidfile /p ${index === 0 ? '' : `depends on p${index - 1}`}`,
  );
  const tree = controlTree(chain.join('\n'));
  const supervisor = new EntrySupervisor(tree, {
    limits: tree.settings.limits,
    cores: 1,
    random: seededRandom(1),
  });
  supervisor.command(['p0'], 'unmonitor', 0);
  assert.ok(supervisor.machines.every(({ isMonitored }) => !isMonitored));
});
