/** What it costs to have a twin, and what one gets for it. */
import type { Effort } from './comparison.ts';
import { median } from './measure.ts';
import { PipeClient } from './pipe-client.ts';
import { type Member, pairPorts, type ReplicatedSystem, replicatedSystems } from './replicated-systems.ts';
import { row } from './table.ts';

const VALUE = 'v'.repeat(100);
const SEEN = 3000;
/** Before that, not counted: until then an engine still compiles, which on two cores means that everybody waits. */
const SEEN_BEFORE = 12_000;
const POURED = 300_000;
const PIECE = 200;
const CLIENTS = 8;
const COPIED = 300_000;
const SMALL = 2000;

const keyOf = (index: number): string => `key:${String(index).padStart(8, '0')}`;

/** Names of the figures, in the order in which they are measured. */
const FIGURES = [
  'visible, median us',
  'visible, p99 us',
  'a read alone, median us',
  'poured sets/s, alone',
  'poured sets/s, with twin',
  'sets/s of 8, alone',
  'sets/s of 8, with twin',
  'cost of a twin, %',
  'full copy, items/s',
  'reads meanwhile, p99.9 ms',
  'reads meanwhile, worst ms',
  'take-over, ms',
  'restart with 2000, ms',
] as const;
type Figures = Map<(typeof FIGURES)[number], number>;

/** Measures all systems in turn and prints the medians of the rounds. */
export async function compareReplication(effort: Effort): Promise<void> {
  const systems = replicatedSystems();
  const rounds = new Map<string, Figures[]>(systems.map(({ name }) => [name, []]));
  for (let round = 0; round < effort.rounds; round++) {
    for (const system of systems) rounds.get(system.name)?.push(await measureSystem(system, effort.seconds));
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
  await alone(system, seconds, figures);
  await together(system, seconds, figures);
  await copy(system, figures);
  if (!system.isReadOnlyCopy) await restart(system, figures);
  return figures;
}

async function alone(system: ReplicatedSystem, seconds: number, figures: Figures): Promise<void> {
  const ports = await pairPorts();
  const server = await system.start(ports, false);
  figures.set('poured sets/s, alone', await poured(system, server));
  figures.set('sets/s of 8, alone', await asked(system, server, seconds));
  await server.kill();
}

async function together(system: ReplicatedSystem, seconds: number, figures: Figures): Promise<void> {
  const ports = await pairPorts();
  const first = await system.start(ports, false);
  const second = await system.start(ports, true);
  const [writer, reader] = [await PipeClient.connect(first.port), await PipeClient.connect(second.port)];
  await linked(system, writer, reader);
  const visible: number[] = [];
  const reads: number[] = [];
  for (let i = 0; i < SEEN_BEFORE + SEEN; i++) {
    if (i === SEEN_BEFORE) visible.length = reads.length = 0;
    const value = `${VALUE}${String(i).padStart(6, '0')}`;
    await writer.ask(system.set('seen', value), system.stored);
    const stored = performance.now();
    while (!(await reader.ask(system.get('seen'), '\r\n')).endsWith(system.found(value)));
    visible.push((performance.now() - stored) * 1000);
    const start = performance.now();
    await reader.ask(system.get('seen'), system.found(value));
    reads.push((performance.now() - start) * 1000);
  }
  figures.set('visible, median us', percentile(visible, 0.5));
  figures.set('visible, p99 us', percentile(visible, 0.99));
  figures.set('a read alone, median us', percentile(reads, 0.5));
  figures.set('poured sets/s, with twin', await poured(system, first));
  await settled(system, first, second);
  const rate = await asked(system, first, seconds);
  figures.set('sets/s of 8, with twin', rate);
  figures.set('cost of a twin, %', 100 * (1 - rate / (figures.get('sets/s of 8, alone') ?? rate)));
  if (!system.isReadOnlyCopy) {
    const killed = performance.now();
    const gone = first.kill();
    await reader.ask(system.set('after', VALUE), system.stored);
    figures.set('take-over, ms', performance.now() - killed);
    await gone;
  } else await first.kill();
  writer.close();
  reader.close();
  await second.kill();
}

/** Fills one server, and then has another copy it while clients read. */
async function copy(system: ReplicatedSystem, figures: Figures): Promise<void> {
  const ports = await pairPorts();
  const first = await system.start(ports, false);
  const client = await PipeClient.connect(first.port);
  await client.pour(pieces(system, COPIED), COPIED, system.stored);
  const times: number[] = [];
  let isDone = false;
  const reading = (async (): Promise<void> => {
    while (!isDone) {
      const start = performance.now();
      await client.ask(system.get(keyOf(times.length % COPIED)), system.found(VALUE));
      times.push(performance.now() - start);
    }
  })();
  const start = performance.now();
  const second = await system.start(ports, true);
  await hasItems(system, second, COPIED);
  figures.set('full copy, items/s', COPIED / ((performance.now() - start) / 1000));
  isDone = true;
  await reading;
  figures.set('reads meanwhile, p99.9 ms', percentile(times, 0.999));
  figures.set('reads meanwhile, worst ms', Math.max(...times));
  client.close();
  await first.kill();
  await second.kill();
}

async function restart(system: ReplicatedSystem, figures: Figures): Promise<void> {
  const ports = await pairPorts();
  const first = await system.start(ports, false);
  const client = await PipeClient.connect(first.port);
  await client.pour(pieces(system, SMALL), SMALL, system.stored);
  client.close();
  const start = performance.now();
  const second = await system.start(ports, true);
  await hasItems(system, second, SMALL);
  figures.set('restart with 2000, ms', performance.now() - start);
  await first.kill();
  await second.kill();
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
async function linked(system: ReplicatedSystem, writer: PipeClient, reader: PipeClient): Promise<void> {
  for (let i = 0; ; i++) {
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
  for (;;) {
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
