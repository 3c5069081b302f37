import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { LoadPlan } from '../src/load/load-plan.ts';
import { argumentsOf, oneOf, positiveNumber, wholeNumber } from '../testing/script-arguments.ts';
import { AwakeCores } from './awake-cores.ts';
import { compareLoads, compareVariants, type Effort } from './comparison.ts';
import { compareHalfLoad } from './half-load.ts';
import { compareHitRatios } from './hit-ratio.ts';
import { compareHotKeyRouting } from './hot-key-routing.ts';
import { compareItemMemory } from './item-memory.ts';
import { HOT_KEY_PLANS, LOAD_PLANS, PROXY_PLANS } from './load-plans.ts';
import { compareReplication } from './replication.ts';
import {
  MAGENT,
  MEMCACHED,
  NUTCRACKER,
  OUR_MAGENT,
  OUR_NUTCRACKER,
  type Server,
  startMagent,
  startMemcached,
  startNode,
  startNutcracker,
  startRoutes,
} from './servers.ts';
import { SUPERVISION } from './supervision.ts';
import { TRACES } from './traces.ts';
import { compareTwoThreads } from './two-threads.ts';

const USAGE = `usage: npm run bench -- [--rounds N] [--seconds N] [--only WORD] [--what node|proxy|replication|monitor] [--awake]

Loads our node and the installed memcached in turn, then our proxy and the installed nutcracker with one memcached behind each,
and prints medians and ratios. Server and load have a core each where the machine lets them.
  --rounds N    measurements of each, of which the median is shown (3)
  --seconds N   length of one measurement (2)
  --only WORD   only the measurements whose name contains WORD
  --what WHAT   only the node, the proxy, pairs, or the monitors
  --awake       cores do not sleep: on virtual machines it takes longer to wake one than what is measured

Measurements of both: ${LOAD_PLANS.map((plan) => plan.name).join(', ')} (the proxy's: text only).
Of pairs: replication; beside ours a pair of Redis, and of repcached where the variable REPCACHED names one.
Of the proxy alone: ${PROXY_PLANS.map((plan) => plan.name).join(', ')}.
Of our proxy with near-cache and coalesce, and without: ${HOT_KEY_PLANS.map((plan) => plan.name).join(', ')}.
Of both, one request at a time at half of what they can take: half-load.
Of the monitors, beside monit: ${Object.keys(SUPERVISION).join(', ')}.
Of the node alone: threads-2, item-memory, ${TRACES.map((trace) => trace.name).join(', ')}.
`;

async function measureNode(
  effort: Effort,
  plans: readonly LoadPlan[],
  isWanted: (name: string) => boolean,
): Promise<void> {
  const memcached = MEMCACHED;
  const contestants = {
    ours: () => startNode(1),
    original: memcached === null ? null : { name: 'memcached', start: () => startMemcached(memcached, 1) },
  };
  process.stdout.write(`\nNode, -t 1, against memcached -t 1 (${described(effort)})\n`);
  if (memcached === null) process.stdout.write('memcached is not installed: nothing to compare with\n');
  await compareLoads(contestants, plans, effort);
  if (isWanted('half-load')) await compareHalfLoad(contestants, effort);
  if (isWanted('threads-2')) await compareTwoThreads(effort);
  if (isWanted('item-memory')) await compareItemMemory();
  await compareHitRatios(TRACES.filter((trace) => isWanted(trace.name)));
}

/** Behind the proxies that are measured with several servers. */
const SEVERAL_BACKENDS = 4;
const PLANS_OF_SEVERAL: ReadonlySet<string> = new Set(['single', 'multi-get-100']);

async function measureProxy(
  effort: Effort,
  plans: readonly LoadPlan[],
  isWanted: (name: string) => boolean,
): Promise<void> {
  const memcached = MEMCACHED;
  const textPlans = plans.filter((plan) => plan.protocol === 'text');
  if (textPlans.length === 0 && !isWanted('half-load')) return;
  if (memcached === null) {
    process.stdout.write('\nProxy: memcached is not installed, and both proxies need one behind them\n');
    return;
  }
  const nutcracker = NUTCRACKER;
  const magent = MAGENT;
  const compare = async (backends: number, some: readonly LoadPlan[]): Promise<void> => {
    const behind = backends === 1 ? 'one memcached' : `${backends} memcached`;
    const withHalfLoad = backends === 1 && isWanted('half-load');
    if (some.length === 0 && !withHalfLoad) return;
    process.stdout.write(`\nProxy with ${behind} behind it, against nutcracker (${described(effort)})\n`);
    if (nutcracker === null) process.stdout.write('nutcracker is not installed: nothing to compare with\n');
    const started = (start: ProxyStarter) => () => withBackends(memcached, backends, start);
    const apart = (start: ProxyStarter) => () => withBackends(memcached, backends, start, CORE_BESIDE_LOAD);
    const ours = started((ports) => startNutcracker(OUR_NUTCRACKER, ports));
    const contestants = {
      ours,
      original:
        nutcracker === null
          ? null
          : { name: 'nutcracker', start: started((ports) => startNutcracker([nutcracker], ports)) },
    };
    await compareLoads(contestants, some, effort);
    if (withHalfLoad)
      await compareHalfLoad(
        {
          ours: apart((ports) => startNutcracker(OUR_NUTCRACKER, ports)),
          original:
            nutcracker === null
              ? null
              : { name: 'nutcracker', start: apart((ports) => startNutcracker([nutcracker], ports)) },
        },
        effort,
      );
    if (magent === null) return;
    process.stdout.write(`\nThe same against magent (${magent})\n`);
    await compareLoads(
      {
        ours: started((ports) => startMagent(OUR_MAGENT, ports)),
        original: { name: 'magent', start: started((ports) => startMagent([magent], ports)) },
      },
      some,
      effort,
    );
  };
  await compare(1, textPlans);
  await compare(
    SEVERAL_BACKENDS,
    textPlans.filter(({ name }) => PLANS_OF_SEVERAL.has(name)),
  );
}

const COALESCED = '{ type: coalesce, route: bench }';
const VARIANTS = [
  ['without', 'bench'],
  ['coalesce', COALESCED],
  ['near-cache', '{ type: near-cache, route: bench }'],
  ['both', `{ type: near-cache, route: ${COALESCED} }`],
] as const;

/** Our proxy with routes for hot keys, and without. */
async function measureHotKeys(effort: Effort, plans: readonly LoadPlan[]): Promise<void> {
  const memcached = MEMCACHED;
  if (plans.length === 0 || memcached === null) return;
  process.stdout.write(`\nOur proxy, with routes for hot keys and without (${described(effort)})\n`);
  const variants = VARIANTS.map(([name, route]) => ({
    name,
    start: (): Promise<Server> => withBackends(memcached, 1, ([port = 0]) => startRoutes(route, port)),
  }));
  await compareVariants(variants, plans, effort);
  process.stdout.write('\nThe same in the routing code alone, without sockets: least of many rounds\n');
  compareHotKeyRouting(plans);
}

type ProxyStarter = (backendPorts: readonly number[]) => Promise<Server>;

/**
 * Where the servers behind a proxy run when an open loop loads it: that never sleeps, and on one core with it they would wait for their turn. With two cores in all they
 * share the proxy's, which is the same for both proxies.
 */
const CORE_BESIDE_LOAD: string = availableParallelism() > 2 ? '2' : '0';

/** Starts a proxy with servers of its own behind it. @param core of these */
async function withBackends(
  memcached: string,
  count: number,
  start: ProxyStarter,
  core = '1',
): Promise<Server> {
  const backends: Server[] = [];
  for (let i = 0; i < count; i++) backends.push(await startMemcached(memcached, 1, core));
  const server = await start(backends.map(({ port }) => port));
  return {
    ...server,
    stop: async () => {
      await server.stop();
      for (const backend of backends) await backend.stop();
    },
  };
}

function described({ rounds, seconds }: Effort): string {
  return `medians of ${rounds} rounds of ${seconds} s`;
}

async function main(): Promise<void> {
  const { values, effort, what } = argumentsOf('bench', () => {
    const { values } = parseArgs({
      options: {
        rounds: { type: 'string', default: '3' },
        seconds: { type: 'string', default: '2' },
        only: { type: 'string', default: '' },
        what: { type: 'string', default: 'all' },
        awake: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const effort: Effort = {
      rounds: wholeNumber('--rounds', values.rounds),
      seconds: Math.max(0.2, positiveNumber('--seconds', values.seconds)),
    };
    return {
      values,
      effort,
      what: oneOf('--what', values.what, ['all', 'node', 'proxy', 'replication', 'monitor']),
    };
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const cores = values.awake ? await AwakeCores.start() : null;
  try {
    await measureWanted(effort, what, values.only);
  } finally {
    cores?.stop();
  }
}

async function measureWanted(effort: Effort, what: string, only: string): Promise<void> {
  const isWanted = (name: string): boolean => name.includes(only);
  const plans = LOAD_PLANS.filter((plan) => isWanted(plan.name));
  const isAsked = (part: string): boolean => what === 'all' || what === part;
  if (isAsked('node')) await measureNode(effort, plans, isWanted);
  if (isAsked('proxy')) {
    const ofProxy = PROXY_PLANS.filter((plan) => isWanted(plan.name));
    await measureProxy(effort, [...plans, ...ofProxy], isWanted);
    await measureHotKeys(
      effort,
      HOT_KEY_PLANS.filter((plan) => isWanted(plan.name)),
    );
  }
  if (isAsked('replication') && isWanted('replication')) {
    process.stdout.write(`\nPairs, one thread each, beside a pair of Redis (${described(effort)})\n`);
    await compareReplication(effort);
  }
  if (isAsked('monitor'))
    for (const [name, measure] of Object.entries(SUPERVISION)) if (isWanted(name)) await measure();
}

await main();
