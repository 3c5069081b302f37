/*
 * All entries of a control file together: who is started and stopped before whom.
 *
 * A command does what monit's does (`stop c` stops those that depend on c first, `start b` starts what b depends on first), one service after the
 * other, each when those before it have come to rest. What a service does by itself, as when it dies, is no affair of the others: a proxy is not
 * bounced because a node behind it was.
 */
import { nameKey } from '../control/meaning.ts';
import type { ControlTree } from '../control/tree.ts';
import type { EntryAction, EntryInput } from './entry-inputs.ts';
import { EntryMachine } from './entry-machine.ts';
import type { EntryMachineOptions } from './entry-options.ts';
import type { ServiceEvent } from './event-kinds.ts';
import type { ServiceCommand } from './service-machine.ts';

export interface NamedAction {
  readonly name: string;
  readonly action: EntryAction;
}

export type Pending = 'start' | 'stop' | 'restart' | 'monitor';

interface Member {
  readonly machine: EntryMachine;
  /** Those that it depends on, and those that depend on it, directly. */
  readonly needs: readonly string[];
  readonly neededBy: string[];
  pending: Pending | null;
  /** What somebody has asked of it, and has not been told the end of. */
  request: ServiceCommand | null;
}

export class EntrySupervisor {
  readonly #members: ReadonlyMap<string, Member>;
  /** Members with a command that waits for its turn. */
  #waiting = 0;
  /** Members with a request. */
  readonly #requested: Set<Member> = new Set();

  constructor({ services }: Pick<ControlTree, 'services'>, options: EntryMachineOptions) {
    const members = new Map<string, Member>();
    for (const entry of services) {
      const needs = entry.dependsOn.map(({ name }) => nameKey(name));
      const machine = new EntryMachine(entry, options);
      members.set(nameKey(entry.name), { machine, needs, neededBy: [], pending: null, request: null });
    }
    for (const [key, { needs }] of members) for (const need of needs) members.get(need)?.neededBy.push(key);
    this.#members = members;
  }

  /** The machines, in the order of the file. */
  get machines(): readonly EntryMachine[] {
    return [...this.#members.values()].map(({ machine }) => machine);
  }

  machine(name: string): EntryMachine | null {
    return this.#members.get(nameKey(name))?.machine ?? null;
  }

  /** The command that waits for its turn; null when there is none. */
  pending(name: string): Pending | null {
    return this.#members.get(nameKey(name))?.pending ?? null;
  }

  /** When the next machine wants a tick. */
  dueMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const { machine } of this.#members.values()) dueMs = Math.min(dueMs, machine.dueMs());
    return dueMs;
  }

  /** Gives every machine whose time has come its tick. */
  tick(nowMs: number): NamedAction[] {
    const actions: NamedAction[] = [];
    for (const member of this.#members.values())
      if (member.machine.dueMs() <= nowMs) this.#step(member, { type: 'tick' }, nowMs, actions);
    this.#advance(nowMs, actions);
    return actions;
  }

  /** Takes an input for one service. */
  step(name: string, input: EntryInput, nowMs: number): NamedAction[] {
    const actions: NamedAction[] = [];
    const member = this.#members.get(nameKey(name));
    if (member === undefined) return actions;
    // A first start waits for those that it depends on; what runs already is taken over at once.
    if (input.type === 'observed' && input.pid === null && this.#waitsForFirstStart(member)) return actions;
    this.#step(member, input, nowMs, actions);
    this.#advance(nowMs, actions);
    return actions;
  }

  /** Takes a command for some services, as one: `stop all` stops each of them once, in order. */
  command(names: readonly string[], command: ServiceCommand, nowMs: number): NamedAction[] {
    const actions: NamedAction[] = [];
    const keys = names.map(nameKey).filter((key) => this.#members.has(key));
    for (const key of keys) {
      const member = this.#member(key);
      member.request = command;
      this.#requested.add(member);
    }
    switch (command) {
      case 'start':
        for (const member of this.#closure(keys, 'needs'))
          if (member.pending === null && !isUp(member.machine)) this.#setPending(member, 'start');
        break;
      case 'stop':
        for (const member of this.#closure(keys, 'neededBy')) this.#setPending(member, 'stop');
        break;
      case 'restart':
        for (const key of keys) this.#setPending(this.#member(key), 'restart');
        // Those that hang on it go down with it and come back, unless nobody looks after them.
        for (const member of this.#closure(keys, 'neededBy'))
          if (member.pending === null && member.machine.isMonitored && member.machine.isWanted)
            this.#setPending(member, 'restart');
        break;
      case 'monitor':
        // To look after what does not run may mean to start it, so it has its turn like a start.
        for (const member of this.#closure(keys, 'needs'))
          if (member.pending === null && !isUp(member.machine)) this.#setPending(member, 'monitor');
        break;
      case 'unmonitor':
        for (const member of this.#closure(keys, 'neededBy'))
          this.#step(member, { type: 'command', command }, nowMs, actions);
        break;
    }
    this.#advance(nowMs, actions);
    return actions;
  }

  #member(key: string): Member {
    const member = this.#members.get(key);
    if (member === undefined) throw new Error(`there is no service ${key}`);
    return member;
  }

  /** The services and all that they depend on (or all that depend on them), each once. */
  #closure(keys: readonly string[], direction: 'needs' | 'neededBy'): Member[] {
    const found = new Set(keys.map((key) => this.#member(key)));
    // What is added while it goes is visited, too.
    for (const member of found) for (const key of member[direction]) found.add(this.#member(key));
    return [...found];
  }

  #step(member: Member, input: EntryInput, nowMs: number, actions: NamedAction[]): void {
    const { name } = member.machine.entry;
    for (const action of member.machine.step(input, nowMs)) actions.push({ name, action });
  }

  #waitsForFirstStart({ machine, needs }: Member): boolean {
    if (machine.state !== 'initializing' || !machine.isMonitored) return false;
    return needs.some((key) => {
      const { state, isMonitored } = this.#member(key).machine;
      return isMonitored && (state === 'initializing' || state === 'starting');
    });
  }

  #setPending(member: Member, pending: Pending | null): void {
    if (member.pending !== null) this.#waiting -= 1;
    if (pending !== null) this.#waiting += 1;
    member.pending = pending;
  }

  /** Lets commands go whose turn has come, until none can. Mostly none waits, and not all members are looked through for each input. */
  #advance(nowMs: number, actions: NamedAction[]): void {
    for (let moved = true; moved && this.#waiting > 0; ) {
      moved = false;
      for (const member of this.#members.values()) if (this.#release(member, nowMs, actions)) moved = true;
    }
    for (const member of this.#requested) this.#tellEnd(member, actions);
  }

  /** Tells what has become of what somebody asked for, when nothing goes on any more. */
  #tellEnd(member: Member, actions: NamedAction[]): void {
    const { machine, pending, request } = member;
    if (request === null || pending !== null || isMoving(machine)) return;
    member.request = null;
    this.#requested.delete(member);
    const description = `${request} action ${isDone(request, machine) ? 'done' : 'failed'}`;
    const event: ServiceEvent = { name: 'action', state: 'changed', description, action: 'alert' };
    actions.push({ name: machine.entry.name, action: { type: 'event', event } });
  }

  #release(member: Member, nowMs: number, actions: NamedAction[]): boolean {
    const { machine, needs, neededBy } = member;
    const near = (keys: readonly string[]): Member[] => keys.map((key) => this.#member(key));
    const go = (command: ServiceCommand, next: Pending | null): boolean => {
      this.#setPending(member, next);
      this.#step(member, { type: 'command', command }, nowMs, actions);
      return true;
    };
    switch (member.pending) {
      case null:
        return false;
      case 'stop':
        if (near(neededBy).some(({ pending, machine: other }) => pending === 'stop' || isStopping(other)))
          return false;
        return go('stop', null);
      case 'restart': {
        if (isDown(machine)) {
          // There is nothing to stop, so it is a start, with its turn.
          this.#setPending(member, 'start');
          return true;
        }
        const others = [...near(neededBy), ...near(needs)].some(({ pending }) => pending !== null);
        // Alone, it is restarted by its own restart program.
        if (!others) return go('restart', null);
        if (near(neededBy).some(({ pending, machine: other }) => pending === 'restart' || isStopping(other)))
          return false;
        return go('stop', 'start');
      }
      case 'start':
      case 'monitor':
        if (member.pending === 'start' && isStopping(machine)) return false;
        if (near(needs).some(({ pending, machine: other }) => pending !== null || isComing(other)))
          return false;
        return go(member.pending, null);
    }
  }
}

function isMoving({ state, isMonitored }: EntryMachine): boolean {
  return state === 'starting' || state === 'stopping' || (state === 'initializing' && isMonitored);
}

function isDone(command: ServiceCommand, { state, isMonitored, pid, entry }: EntryMachine): boolean {
  switch (command) {
    case 'start':
    case 'restart':
      return state === 'running' && (entry.type !== 'process' || pid !== null);
    case 'stop':
      return state === 'stopped';
    case 'monitor':
      return isMonitored;
    case 'unmonitor':
      return !isMonitored;
  }
}

function isUp({ state, isMonitored }: EntryMachine): boolean {
  return isMonitored && (state === 'running' || state === 'starting');
}

function isDown({ state, entry, pid }: EntryMachine): boolean {
  if (entry.type !== 'process' || pid !== null) return false;
  return state === 'stopped' || state === 'missing' || state === 'backing-off' || state === 'gave-up';
}

function isStopping({ state }: EntryMachine): boolean {
  return state === 'stopping';
}

/** It is on its way up, so those that depend on it wait a moment longer. */
function isComing({ state, isMonitored }: EntryMachine): boolean {
  return isMonitored && (state === 'initializing' || state === 'starting' || state === 'stopping');
}
