import { parseArgs } from 'node:util';
import { LOAD_PLANS, type LoadPlan } from './load-plan.ts';
import { type Measurement, measure, median } from './measure.ts';
import {
  MEMCACHED,
  NUTCRACKER,
  type Server,
  startMagent,
  startMemcached,
  startNode,
  startNutcracker,
} from './servers.ts';

const USAGE = `usage: npm run bench -- [--rounds N] [--seconds N] [--only WORD] [--what node|proxy]

Loads our node and the installed memcached in turn, then our proxy and the installed nutcracker with one memcached behind each,
and prints medians and ratios. Server and load have a core each where the machine lets them.
  --rounds N    measurements of each, of which the median is shown (3)
  --seconds N   length of one measurement (2)
  --only WORD   only the loads whose name contains WORD
  --what WHAT   only the node, or only the proxy
`;

const WARM_SECONDS = 1;

/** Two servers that are compared: ours and the original. `open` starts one; a backend behind it is its own affair. */
interface Comparison {
  readonly title: string;
  readonly ours: () => Promise<Server>;
  readonly original: { readonly name: string; readonly start: () => Promise<Server> } | null;
  readonly missing: string;
}

function pad(text: string, width: number): string {
  return text.padStart(width);
}

function row(cells: readonly string[]): string {
  const [name = '', ...rest] = cells;
  return `${name.padEnd(26)}${rest.map((cell) => pad(cell, 12)).join('')}\n`;
}

function figures(name: string, all: readonly Measurement[]): string {
  const of = (pick: (one: Measurement) => number): number => median(all.map(pick));
  return row([
    name,
    Math.round(of((one) => one.requestsPerSecond)).toString(),
    of((one) => one.cpuMicrosPerRequest).toFixed(2),
    of((one) => one.p50Micros).toFixed(0),
    of((one) => one.p99Micros).toFixed(0),
    of((one) => one.p999Micros).toFixed(0),
  ]);
}

/** Each figure of ours over the original's: the median of the rounds' ratios, so that a machine that slows down in between does not count. */
function ratios(ours: readonly Measurement[], original: readonly Measurement[]): string {
  const of = (pick: (one: Measurement) => number): string =>
    median(ours.map((one, i) => pick(one) / pick(original[i]!))).toFixed(2);
  return row([
    '  ours / original',
    of((one) => one.requestsPerSecond),
    of((one) => one.cpuMicrosPerRequest),
    of((one) => one.p50Micros),
    of((one) => one.p99Micros),
    of((one) => one.p999Micros),
  ]);
}

async function measureOnce(
  start: () => Promise<Server>,
  plan: LoadPlan,
  seconds: number,
  seed: number,
): Promise<Measurement> {
  const server = await start();
  try {
    return await measure(server, plan, WARM_SECONDS, seconds, seed);
  } finally {
    await server.stop();
  }
}

async function compare(
  comparison: Comparison,
  plans: readonly LoadPlan[],
  rounds: number,
  seconds: number,
): Promise<void> {
  process.stdout.write(`\n${comparison.title}\n`);
  process.stdout.write(row(['', 'requests/s', 'cpu us/req', 'p50 us', 'p99 us', 'p99.9 us']));
  for (const plan of plans) {
    const ours: Measurement[] = [];
    const original: Measurement[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push(await measureOnce(comparison.ours, plan, seconds, round));
      if (comparison.original !== null)
        original.push(await measureOnce(comparison.original.start, plan, seconds, round));
    }
    process.stdout.write(`${plan.name}\n${figures('  ours', ours)}`);
    if (comparison.original === null) process.stdout.write(`  ${comparison.missing}\n`);
    else process.stdout.write(figures(`  ${comparison.original.name}`, original) + ratios(ours, original));
  }
}

/** Starts a server with a memcached of its own behind it. */
async function withBackend(
  memcached: string,
  start: (backendPort: number) => Promise<Server>,
): Promise<Server> {
  const backend = await startMemcached(memcached, 1, 1);
  const server = await start(backend.port);
  return {
    ...server,
    stop: async () => {
      await server.stop();
      await backend.stop();
    },
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '2' },
      only: { type: 'string', default: '' },
      what: { type: 'string', default: 'all' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const rounds = Math.max(1, Math.trunc(Number(values.rounds)) || 3);
  const seconds = Math.max(0.5, Number(values.seconds) || 2);
  const plans = LOAD_PLANS.filter((plan) => plan.name.includes(values.only));
  const memcached = MEMCACHED;
  const nutcracker = NUTCRACKER;
  if (values.what !== 'proxy') {
    await compare(
      {
        title: `Node, -t 1, against memcached -t 1 (medians of ${rounds} rounds of ${seconds} s)`,
        ours: () => startNode(1),
        original:
          memcached === null ? null : { name: 'memcached', start: () => startMemcached(memcached, 1) },
        missing: 'memcached is not installed: nothing to compare with',
      },
      plans,
      rounds,
      seconds,
    );
  }
  if (values.what !== 'node') {
    if (memcached === null) {
      process.stdout.write('\nProxy: memcached is not installed, and both proxies need one behind them\n');
      return;
    }
    await compare(
      {
        title: `Proxy with one memcached behind it, against nutcracker (medians of ${rounds} rounds of ${seconds} s)`,
        ours: () => withBackend(memcached, (port) => startMagent(port)),
        original:
          nutcracker === null
            ? null
            : {
                name: 'nutcracker',
                start: () => withBackend(memcached, (port) => startNutcracker(nutcracker, port)),
              },
        missing: 'nutcracker is not installed: nothing to compare with',
      },
      plans,
      rounds,
      seconds,
    );
  }
}

await main();
