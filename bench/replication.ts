/** What it costs to have a twin, and what one gets for it. */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import type { Effort } from './comparison.ts';
import { median } from './measure.ts';
import { PipeClient } from './pipe-client.ts';
import {
  endMembers,
  type Member,
  missingSystems,
  pairPorts,
  type ReplicatedSystem,
  replicatedSystems,
} from './replicated-systems.ts';
import { SpinClient } from './spin-client.ts';
import { row } from './table.ts';

const VALUE = 'v'.repeat(100);
const SEEN = 3000;
/** Before that, not counted: until then an engine still compiles, which on two cores means that everybody waits. */
const SEEN_BEFORE = 12_000;
const POURED = 300_000;
const PIECE = 200;
/** After the first, which an engine still compiles during; the median counts. */
const POURS = 5;
const CLIENTS = 8;
/** The one with a twin and the one without are measured in turns, so often: what disturbs the machine disturbs both. */
const TURNS = 8;
const TURN_SECONDS_MIN = 0.25;
const COPIED = 300_000;
const SMALL = 2000;

/** Nothing is waited for longer. */
const WAIT_MS_MAX = 60_000;

function notLongerThan(startMs: number, what: string): void {
  if (performance.now() - startMs > WAIT_MS_MAX)
    throw new Error(`waited in vain for ${WAIT_MS_MAX / 1000} s for ${what}`);
}

const keyOf = (index: number): string => `key:${String(index).padStart(8, '0')}`;

/** Names of the figures, in the order in which they are measured. */
const FIGURES = [
  'visible, median us',
  'visible, p99 us',
  'a read alone, median us',
  'visible on one core, median us',
  'the same, p99 us',
  'a read on one core, median us',
  'poured sets/s, alone',
  'poured sets/s, with twin',
  'the same at first',
  'sets/s of 8, alone',
  'sets/s of 8, with twin',
  'cost of a twin, %',
  'cpu us of a set, alone',
  'the same, with twin',
  'the same, on the twin',
  'full copy, items/s',
  'the same without the start',
  'reads meanwhile, p99.9 ms',
  'reads meanwhile, worst ms',
  'of a bystander, p99.9 ms',
  'of a bystander, worst ms',
  'take-over, ms',
  'of a bystander, ms',
  'restart with 2000, ms',
] as const;
type Figures = Map<(typeof FIGURES)[number], number>;

/** Measures all systems in turn and prints the medians of the rounds. */
export async function compareReplication(effort: Effort): Promise<void> {
  const systems = replicatedSystems();
  for (const name of missingSystems()) process.stdout.write(`${name} is not here: nothing to compare with\n`);
  const rounds = new Map<string, Figures[]>(systems.map(({ name }) => [name, []]));
  try {
    for (let round = 0; round < effort.rounds; round++) {
      for (const system of systems)
        rounds.get(system.name)?.push(await measureSystem(system, effort.seconds));
    }
  } finally {
    await endMembers();
  }
  process.stdout.write(row(['replication', ...systems.map(({ name }) => name)]));
  for (const name of FIGURES) {
    const cells = systems.map((system) => {
      const all = rounds.get(system.name)?.flatMap((figures) => figures.get(name) ?? []) ?? [];
      if (all.length === 0) return '-';
      const value = median(all);
      return value >= 1000 ? value.toFixed(0) : value.toFixed(1);
    });
    process.stdout.write(row([`  ${name}`, ...cells]));
  }
}

async function measureSystem(system: ReplicatedSystem, seconds: number): Promise<Figures> {
  const figures: Figures = new Map();
  await together(system, seconds, figures);
  await onOneCore(() => alternating(system, figures));
  const copyMs = await copy(system, figures);
  const restartMs = await restart(system);
  figures.set('restart with 2000, ms', restartMs);
  // What a process takes until it can copy anything is in both.
  if (copyMs > restartMs)
    figures.set('the same without the start', (COPIED - SMALL) / ((copyMs - restartMs) / 1000));
  return figures;
}

async function together(system: ReplicatedSystem, seconds: number, figures: Figures): Promise<void> {
  const ports = await pairPorts();
  const first = await system.start(ports, false);
  const second = await system.start(ports, true);
  const alone = await system.start(await pairPorts(), false);
  const [writer, reader] = [await awake(first.port), await awake(second.port)];
  const { visible, reads } = await seen(system, writer, reader);
  figures.set('visible, median us', percentile(visible, 0.5));
  figures.set('visible, p99 us', percentile(visible, 0.99));
  figures.set('a read alone, median us', percentile(reads, 0.5));
  await poured(system, alone);
  const poursAlone: number[] = [];
  for (let i = 0; i < POURS; i++) poursAlone.push(await poured(system, alone));
  figures.set('poured sets/s, alone', median(poursAlone));
  figures.set('the same at first', await poured(system, first));
  const pours: number[] = [];
  for (let i = 0; i < POURS; i++) pours.push(await poured(system, first));
  figures.set('poured sets/s, with twin', median(pours));
  await settled(system, first, second);
  await inTurns(system, { alone, first, second }, seconds, figures);
  if (!system.isReadOnlyCopy) {
    figures.set('take-over, ms', await killedAndSet(system, first, reader));
    figures.set('of a bystander, ms', await killedAndSet(system, alone, reader));
  } else await Promise.all([first.kill(), alone.kill()]);
  writer.close();
  reader.close();
  await second.kill();
}

/** A client that asks one thing at a time. */
interface Asking {
  ask(request: string, end: string): string | Promise<string>;
  close(): void;
}

/** One that need not be woken when its answer is there, where that can be had: what is measured is the server, not the way back to a sleeper. */
async function awake(port: number): Promise<Asking> {
  return SpinClient.connect(port) ?? (await PipeClient.connect(port));
}

/** How long after its reply a write is read on the other, and how long a read takes by itself: a write is seen by a read. */
async function seen(
  system: ReplicatedSystem,
  writer: Asking,
  reader: Asking,
): Promise<{ readonly visible: number[]; readonly reads: number[] }> {
  await linked(system, writer, reader);
  const visible: number[] = [];
  const reads: number[] = [];
  for (let i = 0; i < SEEN_BEFORE + SEEN; i++) {
    if (i === SEEN_BEFORE) visible.length = reads.length = 0;
    const value = `${VALUE}${String(i).padStart(6, '0')}`;
    await writer.ask(system.set('seen', value), system.stored);
    const stored = performance.now();
    while (!(await reader.ask(system.get('seen'), '\r\n')).endsWith(system.found(value)))
      notLongerThan(stored, 'a write to be seen on the other');
    visible.push((performance.now() - stored) * 1000);
    const start = performance.now();
    await reader.ask(system.get('seen'), system.found(value));
    reads.push((performance.now() - start) * 1000);
  }
  return { visible, reads };
}

/**
 * Where a request wakes its server on another core the wait for that core is most of what is measured, 50 to 150 us on virtual machines. On one core
 * there is none: what is left is the work itself, and that of a client that sleeps, for there it has to.
 */
async function alternating(system: ReplicatedSystem, figures: Figures): Promise<void> {
  const ports = await pairPorts();
  const [first, second] = [await system.start(ports, false), await system.start(ports, true)];
  const [writer, reader] = [await PipeClient.connect(first.port), await PipeClient.connect(second.port)];
  const { visible, reads } = await seen(system, writer, reader);
  figures.set('visible on one core, median us', percentile(visible, 0.5));
  figures.set('the same, p99 us', percentile(visible, 0.99));
  figures.set('a read on one core, median us', percentile(reads, 0.5));
  writer.close();
  reader.close();
  await Promise.all([first.kill(), second.kill()]);
}

/** This process and what it starts meanwhile run on one core; where that cannot be asked for, nothing is done. */
async function onOneCore(measure: () => Promise<void>): Promise<void> {
  const all = `0-${cpus().length - 1}`;
  const runOn = (cores: string): boolean =>
    spawnSync('taskset', ['-acp', cores, String(process.pid)], { stdio: 'ignore' }).status === 0;
  if (!runOn('0')) return;
  try {
    await measure();
  } finally {
    runOn(all);
  }
}

/** What a twin costs: sets in turns to a server that has one and to a server that has none. */
async function inTurns(
  system: ReplicatedSystem,
  { alone, first, second }: { alone: Member; first: Member; second: Member },
  seconds: number,
  figures: Figures,
): Promise<void> {
  const rates: Record<'alone' | 'first', number[]> = { alone: [], first: [] };
  const micros = { alone: 0, first: 0, second: 0 };
  const sets = { alone: 0, first: 0 };
  const turnSeconds = Math.max(TURN_SECONDS_MIN, seconds / TURNS);
  for (let turn = 0; turn < TURNS; turn++) {
    for (const name of ['alone', 'first'] as const) {
      const server = name === 'alone' ? alone : first;
      const before = [server.cpuMicros(), second.cpuMicros()] as const;
      const rate = await asked(system, server, turnSeconds);
      rates[name].push(rate);
      sets[name] += rate * turnSeconds;
      micros[name] += server.cpuMicros() - before[0];
      if (name === 'first') micros.second += second.cpuMicros() - before[1];
    }
  }
  figures.set('sets/s of 8, alone', median(rates.alone));
  figures.set('sets/s of 8, with twin', median(rates.first));
  const ratios = rates.first.map((rate, turn) => rate / rates.alone[turn]!);
  figures.set('cost of a twin, %', 100 * (1 - median(ratios)));
  figures.set('cpu us of a set, alone', micros.alone / sets.alone);
  figures.set('the same, with twin', micros.first / sets.first);
  figures.set('the same, on the twin', micros.second / sets.first);
}

/** @returns milliseconds from the kill of one until another has answered a set */
async function killedAndSet(system: ReplicatedSystem, victim: Member, other: Asking): Promise<number> {
  const killed = performance.now();
  const gone = victim.kill();
  await other.ask(system.set('after', VALUE), system.stored);
  const tookMs = performance.now() - killed;
  await gone;
  return tookMs;
}

/**
 * Fills one server, and then has another copy it while clients read. They read in turns from a bystander, too, which has the same and copies
 * nothing: what disturbs that one comes from the machine.
 *
 * @returns milliseconds from the start of the other one's process until it had everything
 */
async function copy(system: ReplicatedSystem, figures: Figures): Promise<number> {
  const ports = await pairPorts();
  const first = await system.start(ports, false);
  const bystander = await system.start(await pairPorts(), false);
  const clients: PipeClient[] = [];
  for (const { port } of [first, bystander]) {
    const client = await PipeClient.connect(port);
    await client.pour(pieces(system, COPIED), COPIED, system.stored);
    clients.push(client);
  }
  const times: number[][] = [[], []];
  let isDone = false;
  const reading = (async (): Promise<void> => {
    for (let i = 0; !isDone; i++) {
      for (const [index, client] of clients.entries()) {
        const start = performance.now();
        await client.ask(system.get(keyOf(i % COPIED)), system.found(VALUE));
        times[index]?.push(performance.now() - start);
      }
    }
  })();
  const start = performance.now();
  const second = await system.start(ports, true);
  await hasItems(system, second, COPIED);
  const tookMs = performance.now() - start;
  figures.set('full copy, items/s', COPIED / (tookMs / 1000));
  isDone = true;
  await reading;
  for (const [name, taken] of [
    ['reads meanwhile', times[0] ?? []],
    ['of a bystander', times[1] ?? []],
  ] as const) {
    figures.set(`${name}, p99.9 ms`, percentile(taken, 0.999));
    figures.set(`${name}, worst ms`, Math.max(...taken));
  }
  for (const client of clients) client.close();
  for (const server of [first, bystander, second]) await server.kill();
  return tookMs;
}

/** @returns milliseconds from the start of a process until it has copied a few items */
async function restart(system: ReplicatedSystem): Promise<number> {
  const ports = await pairPorts();
  const first = await system.start(ports, false);
  const client = await PipeClient.connect(first.port);
  await client.pour(pieces(system, SMALL), SMALL, system.stored);
  client.close();
  const start = performance.now();
  const second = await system.start(ports, true);
  await hasItems(system, second, SMALL);
  const tookMs = performance.now() - start;
  await first.kill();
  await second.kill();
  return tookMs;
}

function* pieces(system: ReplicatedSystem, count: number): Generator<string> {
  for (let at = 0; at < count; at += PIECE) {
    let piece = '';
    for (let i = at; i < Math.min(count, at + PIECE); i++) piece += system.set(keyOf(i), VALUE);
    yield piece;
  }
}

/** Sets without waiting, on one connection. @returns sets per second */
async function poured(system: ReplicatedSystem, server: Member): Promise<number> {
  const client = await PipeClient.connect(server.port);
  const all = [...pieces(system, POURED)];
  const start = performance.now();
  await client.pour(all, POURED, system.stored);
  const seconds = (performance.now() - start) / 1000;
  client.close();
  return POURED / seconds;
}

/** Sets one after another on each of some connections. @returns sets per second of all */
async function asked(system: ReplicatedSystem, server: Member, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let sets = 0;
  const run = async (index: number): Promise<void> => {
    const client = await PipeClient.connect(server.port);
    while (performance.now() < end) {
      await client.ask(system.set(keyOf(index * 1000 + (sets % 1000)), VALUE), system.stored);
      sets++;
    }
    client.close();
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, index) => run(index)));
  return sets / seconds;
}

/** Waits until what is written on one is read on the other. */
async function linked(system: ReplicatedSystem, writer: Asking, reader: Asking): Promise<void> {
  const start = performance.now();
  for (let i = 0; ; i++) {
    notLongerThan(start, 'the two to be linked');
    await writer.ask(system.set('linked', `no. ${i}`), system.stored);
    const reply = await reader.ask(system.get('linked'), '\r\n');
    if (reply.endsWith(system.found(`no. ${i}`))) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function settled(system: ReplicatedSystem, first: Member, second: Member): Promise<void> {
  const [writer, reader] = [await PipeClient.connect(first.port), await PipeClient.connect(second.port)];
  await linked(system, writer, reader);
  writer.close();
  reader.close();
}

async function hasItems(system: ReplicatedSystem, server: Member, items: number): Promise<void> {
  const client = await PipeClient.connect(server.port);
  const start = performance.now();
  for (;;) {
    notLongerThan(start, `${items} items`);
    // One that is loading its copy refuses to tell.
    const reply = await client.askUntil(
      system.count,
      (text) => system.countPattern.test(text) || text.startsWith('-'),
    );
    if (Number(system.countPattern.exec(reply)?.[1]) >= items) break;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  client.close();
}

function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
