import { parseArgs } from 'node:util';
import { StartError } from '../base/start-error.ts';
import { KEYS_MAX, type LoadPlan, VALUE_BYTES_MAX } from '../load/load-plan.ts';
import { type LoadOutcome, measureLoad } from '../load/measure.ts';
import { parseEndpoint } from '../net/addresses.ts';
import type { SocketAddress } from '../net/loop.ts';
import { resolveHost } from '../net/resolve.ts';
import { SERVER_DEFAULT } from './client-command.ts';
import type { Invocation } from './invocation.ts';
import { transportOf } from './transport.ts';

const PORT_DEFAULT = 11211;
/** Time for compilers and caches, before anything counts. */
const WARM_SECONDS = 1;
/** What has been stored is gone an hour later. */
const EXPTIME_SECONDS = 3600;
const THREADS_MAX = 64;

/** What can be said of a load, and its bounds. */
const NUMBERS = {
  seconds: { short: 't', least: 1, most: 3600, usual: 5, help: 'how long it is measured' },
  connections: { short: 'c', least: 1, most: 10_000, usual: 50, help: 'connections of each thread' },
  depth: { short: 'd', least: 1, most: 1000, usual: 1, help: 'requests in flight on each connection' },
  keys: { short: 'k', least: 1, most: KEYS_MAX, usual: 10_000, help: 'keys that are asked for, all alike' },
  bytes: { short: 'b', least: 1, most: VALUE_BYTES_MAX, usual: 100, help: 'bytes of a value' },
  gets: { short: 'g', least: 0, most: 100, usual: 90, help: 'percent of the requests that are gets' },
  threads: { short: 'T', least: 1, most: THREADS_MAX, usual: 1, help: 'threads that send requests' },
  rate: {
    short: 'r',
    least: 1,
    most: 10_000_000,
    usual: null,
    help: 'requests a second, whatever the server does',
  },
} as const;
type NumberName = keyof typeof NUMBERS;

const PROTOCOLS = ['text', 'meta', 'binary'] as const;
type Protocol = (typeof PROTOCOLS)[number];

export const BENCH_HELP: string = `usage: twincached bench [-s HOST:PORT] [options]

Loads a server, any memcached or proxy, for some seconds, and says how much it answered and how soon. It first stores all keys, "load:0000000" and
so on, which are gone after an hour. The processor that sends is one of the machine's: where it is the server's, too, both share it.

${Object.entries(NUMBERS)
  .map(
    ([name, { short, help, usual }]) =>
      `  -${short}, --${`${name} N`.padEnd(15)} ${help}${usual === null ? ' (as fast as replies come)' : ` (${usual})`}`,
  )
  .join('\n')}
  -s, --server PLACE    HOST:PORT, or the path of a socket (${SERVER_DEFAULT}, the cluster of "twincached up")
  -p, --protocol NAME   text, meta or binary (text)
  -j, --json            one line of JSON
  -h, --help            print this
`;

interface BenchOptions {
  readonly server: string;
  readonly numbers: Readonly<Record<NumberName, number | null>>;
  readonly protocol: Protocol;
  readonly isJson: boolean;
}

/**
 * `twincached bench`: what a running server can do.
 *
 * @returns the exit code
 * @throws StartError when the command line is wrong, or the server does not answer as it should
 */
export async function runBench(invocation: Invocation): Promise<number> {
  const options = read(invocation.words);
  if (options === null) {
    invocation.print(BENCH_HELP);
    return 0;
  }
  const { numbers, protocol, isJson } = options;
  const number = (name: NumberName): number => numbers[name] ?? NUMBERS[name].usual ?? 0;
  const plan: LoadPlan = {
    name: 'bench',
    protocol,
    connections: number('connections'),
    depth: number('depth'),
    keys: number('keys'),
    valueBytes: number('bytes'),
    getShare: number('gets') / 100,
    keysPerGet: 1,
    exptimeSeconds: EXPTIME_SECONDS,
  };
  const threads = number('threads');
  const server = await addressOf(options.server);
  if (!isJson) invocation.print(`${options.server}: ${describe(plan, threads, numbers.rate)}\n`);
  let outcome: LoadOutcome;
  try {
    outcome = await measureLoad(server, plan, {
      warmSeconds: WARM_SECONDS,
      seconds: number('seconds'),
      seed: process.pid,
      loadThreads: threads,
      transport: transportOf(invocation.environment),
      ...(numbers.rate === null ? {} : { requestsPerSecond: numbers.rate }),
    });
  } catch (error) {
    throw new StartError(`${options.server}: ${error instanceof Error ? error.message : String(error)}`);
  }
  invocation.print(isJson ? `${JSON.stringify(rounded(outcome))}\n` : table(outcome));
  return 0;
}

function rounded(outcome: LoadOutcome): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(outcome).map(([name, value]) => [name, Math.round(value)]));
}

function table(outcome: LoadOutcome): string {
  const ms = (micros: number): string => `${(micros / 1000).toFixed(2)} ms`;
  return [
    ['requests/s', outcome.requestsPerSecond.toFixed(0)],
    ['p50', ms(outcome.p50Micros)],
    ['p99', ms(outcome.p99Micros)],
    ['p99.9', ms(outcome.p999Micros)],
  ]
    .map(([name = '', value = '']) => `  ${name.padEnd(12)}${value.padStart(12)}\n`)
    .join('');
}

function describe(plan: LoadPlan, threads: number, rate: number | null): string {
  const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
  return [
    threads === 1
      ? count(plan.connections, 'connection')
      : `${threads} threads of ${count(plan.connections, 'connection')}`,
    rate === null ? `${count(plan.depth, 'request')} in flight on each` : `${rate} requests a second`,
    `${Math.round(100 * plan.getShare)} % gets`,
    `${count(plan.keys, 'key')}, values of ${count(plan.valueBytes, 'byte')}`,
    plan.protocol,
  ].join('; ');
}

/** @returns null when help was asked for */
function read(words: readonly string[]): BenchOptions | null {
  const numberOptions = Object.fromEntries(
    Object.entries(NUMBERS).map(([name, { short }]) => [name, { type: 'string' as const, short }]),
  );
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({
      args: [...words],
      options: {
        ...numberOptions,
        server: { type: 'string', short: 's' },
        protocol: { type: 'string', short: 'p' },
        json: { type: 'boolean', short: 'j' },
        help: { type: 'boolean', short: 'h' },
      },
      allowPositionals: true,
    });
  } catch (error) {
    throw new StartError(
      `${error instanceof Error ? error.message : error}; "twincached bench --help" lists the options`,
    );
  }
  const { values, positionals } = parsed;
  if (values['help'] === true) return null;
  if (positionals.length > 0)
    throw new StartError(`unexpected argument "${positionals[0]}"; the server is named by -s HOST:PORT`);
  const server = typeof values['server'] === 'string' ? values['server'] : SERVER_DEFAULT;
  const protocol = PROTOCOLS.find((name) => name === (values['protocol'] ?? 'text'));
  if (protocol === undefined)
    throw new StartError(`--protocol takes ${PROTOCOLS.join(', ')}, not "${String(values['protocol'])}"`);
  const numbers = {
    seconds: numberOf('seconds', values),
    connections: numberOf('connections', values),
    depth: numberOf('depth', values),
    keys: numberOf('keys', values),
    bytes: numberOf('bytes', values),
    gets: numberOf('gets', values),
    threads: numberOf('threads', values),
    rate: numberOf('rate', values),
  };
  return { server, numbers, protocol, isJson: values['json'] === true };
}

/** @returns null when it was not given */
function numberOf(name: NumberName, values: Readonly<Record<string, unknown>>): number | null {
  const text = values[name];
  if (text === undefined) return null;
  const { least, most } = NUMBERS[name];
  const number = typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most))
    throw new StartError(`--${name} takes a number from ${least} to ${most}, not "${String(text)}"`);
  return number;
}

async function addressOf(server: string): Promise<SocketAddress> {
  const endpoint = parseEndpoint(server);
  if (endpoint.kind === 'mistake') throw new StartError(`"${server}": ${endpoint.reason}`);
  if (endpoint.kind === 'unix') return { family: 'unix', path: endpoint.path, mode: 0 };
  const found = await resolveHost(endpoint.host, endpoint.port ?? PORT_DEFAULT);
  if ('code' in found) throw new StartError(`${server}: ${found.message}`);
  const [first] = found;
  if (first === undefined) throw new StartError(`${server}: no address`);
  return first;
}
