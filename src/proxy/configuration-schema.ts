/** The native configuration of a proxy as it is written, checked by its shape; `configuration-meaning.ts` says what it means. */
import { z } from 'zod';
import { DISTRIBUTIONS, KEY_HASHES } from '../hashing/index.ts';
import { COMMAND_KINDS } from '../routing/by-command.ts';
import { POPULARITY_WINDOW } from '../routing/key-popularity.ts';
import { WAITS } from '../routing/replicate.ts';
import { MODULO } from '../routing/tree-plan.ts';
import { milliseconds } from './configuration-quantities.ts';
import { RETURN_WAIT_MS_MAX } from './options.ts';

/** `HOST:PORT`, or with more to say. */
export type ServerEntry =
  | string
  | ({
      readonly address: string;
      readonly weight?: number | undefined;
      readonly name?: string | undefined;
    } & AccessEntry);

/** When a child of a shard loses its keys to the others, and for how long at least. */
export interface EjectEntry {
  readonly failures?: number | undefined;
  readonly retry?: string | undefined;
}

export interface PlacementEntry {
  readonly eject?: EjectEntry | undefined;
  readonly hash?: string | undefined;
  readonly distribution?: string | undefined;
  readonly 'hash-tag'?: string | undefined;
  readonly 'stop-mark'?: string | undefined;
}

export interface HealthEntry {
  readonly 'pause-min'?: string | undefined;
  readonly 'pause-max'?: string | undefined;
  readonly 'flap-window'?: string | undefined;
  readonly 'flap-pause-max'?: string | undefined;
  readonly 'fail-open'?: number | undefined;
}

/** Files in PEM. */
export interface TlsEntry {
  readonly authority?: string | undefined;
  readonly 'server-certificate'?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

/** What it takes to be let in by a server. */
export interface AccessEntry {
  readonly tls?: TlsEntry | undefined;
  readonly 'login-file'?: string | undefined;
}

/** What may be said of a pool, and of all pools together under `defaults`. */
export interface PoolSettingsEntry extends PlacementEntry, AccessEntry {
  readonly connections?: number | undefined;
  readonly 'request-timeout'?: string | undefined;
  readonly 'connect-timeout'?: string | undefined;
  readonly 'return-wait'?: string | undefined;
  readonly 'queue-calls'?: number | undefined;
  readonly 'queue-bytes'?: string | undefined;
  readonly health?: HealthEntry | undefined;
}

export interface PoolEntry extends PoolSettingsEntry {
  readonly servers: readonly ServerEntry[];
}

/** A route: the name of a pool stands for a shard over its servers. */
export type RouteEntry = string | HandleEntry;

/** The routes below a handle: given one by one, or one for each server of a pool. */
export interface ChildrenEntry {
  readonly children?: readonly RouteEntry[] | undefined;
  readonly pool?: string | undefined;
}

export interface WeightedEntry {
  readonly route: RouteEntry;
  readonly name: string;
  readonly weight?: number | undefined;
}

export type HandleEntry =
  | ({
      readonly type: 'shard';
      readonly pool?: string | undefined;
      readonly children?: readonly WeightedEntry[] | undefined;
    } & PlacementEntry)
  | { readonly type: 'server'; readonly pool: string; readonly server: string }
  | { readonly type: 'mirror'; readonly main: RouteEntry; readonly backup: RouteEntry }
  | ({ readonly type: 'failover'; readonly 'stand-in-exptime'?: string | undefined } & ChildrenEntry)
  | ({ readonly type: 'miss-failover'; readonly 'prefer-miss'?: boolean | undefined } & ChildrenEntry)
  | ({ readonly type: 'replicate'; readonly wait?: (typeof WAITS)[number] | undefined } & ChildrenEntry)
  | {
      readonly type: 'coalesce';
      readonly route: RouteEntry;
      readonly waiters?: number | undefined;
      readonly 'hot-gets'?: number | undefined;
    }
  | {
      readonly type: 'near-cache';
      readonly route: RouteEntry;
      readonly ttl?: string | undefined;
      readonly items?: number | undefined;
      readonly bytes?: string | undefined;
      readonly 'value-bytes'?: string | undefined;
      readonly 'hot-gets'?: number | undefined;
    }
  | ({ readonly type: 'random' } & ChildrenEntry)
  | {
      readonly type: 'warm-up';
      readonly cold: RouteEntry;
      readonly warm: RouteEntry;
      readonly exptime?: string | undefined;
    }
  | {
      readonly type: 'prefix';
      readonly routes: Readonly<Record<string, RouteEntry>>;
      readonly default?: RouteEntry | undefined;
      readonly strip?: boolean | undefined;
    }
  | {
      readonly type: 'shadow';
      readonly route: RouteEntry;
      readonly shadow: RouteEntry;
      readonly fraction?: number | undefined;
      readonly keys?: readonly number[] | undefined;
      readonly queue?: number | undefined;
    }
  | {
      readonly type: 'migrate';
      readonly from: RouteEntry;
      readonly to: RouteEntry;
      readonly start: string | number;
      readonly interval: string;
    }
  | {
      readonly type: 'reshard';
      readonly from: RouteEntry;
      readonly to: RouteEntry;
      readonly start: string | number;
      readonly for: string;
      readonly tail?: string | undefined;
    }
  | {
      readonly type: 'zone';
      readonly zones: Readonly<Record<string, RouteEntry>>;
      readonly local?: string | undefined;
      readonly 'on-miss'?: boolean | undefined;
    }
  | {
      readonly type: 'by-command';
      readonly commands: Readonly<Record<string, RouteEntry | undefined>>;
      readonly default: RouteEntry;
    }
  | { readonly type: 'null' }
  | { readonly type: 'error'; readonly message: string };

export interface FrontEntry {
  readonly listen: string | readonly string[];
  readonly backlog?: number | undefined;
  readonly route: RouteEntry;
}

export interface ConfigurationEntry {
  readonly threads?: number | undefined;
  readonly 'clients-max'?: number | undefined;
  readonly zone?: string | undefined;
  readonly 'flush-all'?: boolean | undefined;
  readonly defaults?: PoolSettingsEntry | undefined;
  readonly pools: Readonly<Record<string, PoolEntry>>;
  readonly fronts?: Readonly<Record<string, FrontEntry>> | undefined;
  readonly listen?: string | readonly string[] | undefined;
  readonly transport?: 'auto' | 'portable' | undefined;
  readonly backlog?: number | undefined;
  readonly route?: RouteEntry | undefined;
}

const DURATION = /^\d{1,9}(\.\d{1,3})?(ms|s|m|h|d)$/;
const SIZE = /^\d{1,9}(k|m|g)?$/i;

/** Servers of all pools, routes inside one another, and routes in all. */
export const SERVERS_MAX = 4096;
export const ROUTE_DEPTH_MAX = 30;
const THREADS_MAX = 256;
const CONNECTIONS_MAX = 64;
const WEIGHT_MAX = 1_000_000;
const SHADOW_QUEUE_MAX = 65_536;

/** The largest number of gets that wait for one, and so of replies that one answer makes. */
const WAITERS_MAX = 65_536;

const NEAR_CACHE_ITEMS_MAX = 1_000_000;

/** The sketch counts no further. */
const HOT_GETS_MAX = 255;

/** The distributions that a file may name. */
const DISTRIBUTION_NAMES: readonly string[] = [...DISTRIBUTIONS.keys(), MODULO];

function oneOf(names: Iterable<string>): z.ZodType<string> {
  return z.enum([...names]);
}

/** twemproxy's `server_failure_limit` and `server_retry_timeout`, and its defaults for them. */
export const EJECT_DEFAULT = { failures: 2, retry: '30s' } as const;
export const EJECT_FAILURES_MAX = 1000;
const EJECT_RETRY_MS_MAX = 86_400_000;

/** A mapping with these keys and no others. */
function mapping<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `is unknown here; write one of ${Object.keys(shape).join(', ')}`
        : undefined,
  });
}

function duration(description: string): z.ZodOptional<z.ZodString> {
  const message = 'is no time; write a number and ms, s, m, h or d, such as 500ms or 2s';
  return z
    .string({ error: (issue) => (issue.input === undefined ? undefined : message) })
    .regex(DURATION, message)
    .describe(description)
    .optional();
}

function size(description: string): z.ZodOptional<z.ZodString> {
  return z
    .string()
    .regex(SIZE, 'is no size; write a number, with k, m or g behind it, such as "32m"')
    .describe(description)
    .optional();
}

/** A share of the last 16384 gets. @param purpose what a key needs so many for */
function hotGets(purpose: string): z.ZodOptional<z.ZodNumber> {
  const most = `so many of the last ${POPULARITY_WINDOW} gets must be of a key ${purpose}; 0: every key will do`;
  return wholeNumber(0, HOT_GETS_MAX, most).optional();
}

function wholeNumber(least: number, most: number, description: string): z.ZodNumber {
  return z.int().min(least).max(most).describe(description);
}

const ejectShape = {
  failures: wholeNumber(1, EJECT_FAILURES_MAX, 'failures in a row; 2 unless given').optional(),
  retry: duration('so long it stays out at least; 30s unless given, up to 24h').refine(
    (text) => text === undefined || (milliseconds(text) ?? 0) <= EJECT_RETRY_MS_MAX,
    'is out of bounds; write a time up to 24h, such as 30s',
  ),
};

const placementShape = {
  hash: oneOf(KEY_HASHES.keys()).describe('how keys are hashed; fnv1a_64 unless given').optional(),
  distribution: oneOf(DISTRIBUTION_NAMES)
    .describe('how hashes are spread over servers; ketama unless given')
    .optional(),
  'hash-tag': z
    .string()
    .regex(/^[!-~]{2}$/, 'is no hash tag; write two characters, such as "{}"')
    .describe('of keys with these two characters only what stands between them is hashed')
    .optional(),
  'stop-mark': z
    .string()
    .regex(/^[!-~]{1,64}$/, 'is no mark; write 1 to 64 characters, such as "|#|"')
    .describe('of keys with this mark only what stands before it is hashed')
    .optional(),
  eject: mapping(ejectShape)
    .describe('a child that fails so often loses its keys to the others; never unless given')
    .optional(),
};

const healthShape = {
  'pause-min': duration('first pause before a dead server is dialled again; 40ms unless given'),
  'pause-max': duration('longest pause, after doubling; 500ms unless given'),
  'flap-window': duration(
    'a server that goes down so soon after it came up flaps; 10s unless given, 0s: never',
  ),
  'flap-pause-max': duration('longest pause for a server that flaps; 60s unless given'),
  'fail-open': z
    .number()
    .min(0)
    .max(1)
    .describe('when more than this share of the servers look dead, none is taken for dead; 1: never')
    .optional(),
};

const accessShape = {
  tls: mapping({
    authority: z
      .string()
      .describe(
        'file of those who vouch for the servers; the system’s unless given, or nobody with server-certificate',
      )
      .optional(),
    'server-certificate': z
      .string()
      .describe('file of the certificate that servers have themselves: who shows it is believed')
      .optional(),
    certificate: z.string().describe('file of the certificate that is shown to servers').optional(),
    key: z.string().describe('file of its key; that of the certificate unless given').optional(),
  })
    .describe('speak TLS with the servers')
    .optional(),
  'login-file': z
    .string()
    .min(1)
    .describe('file of user:password lines: the proxy logs in as the first, where a server wants it')
    .optional(),
};

const poolSettingsShape = {
  ...placementShape,
  connections: wholeNumber(
    1,
    CONNECTIONS_MAX,
    'connections to each server, per thread; 1 unless given',
  ).optional(),
  'request-timeout': duration('from a request to its reply; 1s unless given'),
  'connect-timeout': duration('from dialling to the answered probe; 500ms unless given'),
  'return-wait': duration(
    'so long after a server was lost requests that have nobody else wait for it to come back; 1s unless given, 0s: not at all; up to 60s',
  ).refine(
    (text) => text === undefined || (milliseconds(text) ?? 0) <= RETURN_WAIT_MS_MAX,
    'is out of bounds; write a time up to 60s, such as 1s',
  ),
  'queue-calls': wholeNumber(1, 1_000_000, 'requests that may wait for one server, per thread').optional(),
  'queue-bytes': size('bytes that may wait for one server, per thread'),
  health: mapping(healthShape).describe('what makes a server dead, and for how long').optional(),
  ...accessShape,
};

const server: z.ZodType<ServerEntry> = z.union([
  z.string().describe('HOST:PORT, [IPV6]:PORT or a path; with *WEIGHT behind it'),
  mapping({
    address: z.string(),
    weight: wholeNumber(1, WEIGHT_MAX, 'its share in relation to the others').optional(),
    name: z.string().min(1).describe('what is hashed; the address unless given').optional(),
    ...accessShape,
  }),
]);

const pool: z.ZodType<PoolEntry> = mapping({
  servers: z.array(server).min(1, 'is empty; write at least one server'),
  ...poolSettingsShape,
});

const route: z.ZodType<RouteEntry> = z.lazy(() => z.union([z.string(), handle]));
const routes = z.record(z.string().min(1), route);

const childrenShape = {
  children: z.array(route).min(1, 'is empty; write at least one route').optional(),
  pool: z.string().describe('each server of this pool is a child').optional(),
};

const handle: z.ZodType<HandleEntry> = z.discriminatedUnion('type', [
  mapping({
    type: z.literal('shard'),
    pool: z.string().optional(),
    children: z
      .array(
        mapping({
          route,
          name: z.string().min(1),
          weight: wholeNumber(1, WEIGHT_MAX, 'its share').optional(),
        }),
      )
      .min(1)
      .optional(),
    ...placementShape,
  }),
  mapping({ type: z.literal('server'), pool: z.string(), server: z.string() }),
  mapping({ type: z.literal('mirror'), main: route, backup: route }),
  mapping({
    type: z.literal('failover'),
    'stand-in-exptime': duration('longest life of what is stored on a child behind the first'),
    ...childrenShape,
  }),
  mapping({ type: z.literal('miss-failover'), 'prefer-miss': z.boolean().optional(), ...childrenShape }),
  mapping({ type: z.literal('replicate'), wait: z.enum(WAITS).optional(), ...childrenShape }),
  mapping({
    type: z.literal('coalesce'),
    route,
    waiters: wholeNumber(1, WAITERS_MAX, 'gets that wait for one; 1024 unless given').optional(),
    'hot-gets': hotGets('for others to wait for it; 128 unless given'),
  }),
  mapping({
    type: z.literal('near-cache'),
    route,
    ttl: duration('so long at most a value is given out after it was asked for; 100ms unless given'),
    items: wholeNumber(
      1,
      NEAR_CACHE_ITEMS_MAX,
      'values that are kept, per thread; 1024 unless given',
    ).optional(),
    bytes: size('bytes of them, per thread; 4m unless given'),
    'value-bytes': size('longer values are not kept; 64k unless given'),
    'hot-gets': hotGets('for its value to be kept; 16 unless given'),
  }),
  mapping({ type: z.literal('random'), ...childrenShape }),
  mapping({
    type: z.literal('warm-up'),
    cold: route,
    warm: route,
    exptime: duration('life of what is added to the cold side; asked of the warm side unless given'),
  }),
  mapping({ type: z.literal('prefix'), routes, default: route.optional(), strip: z.boolean().optional() }),
  mapping({
    type: z.literal('shadow'),
    route,
    shadow: route,
    fraction: z.number().min(0).max(1).describe('share of the keys that is copied').optional(),
    keys: z
      .array(z.number().min(0).max(1))
      .length(2)
      .describe('the same as a part of all hashes, such as [0.2, 0.3]')
      .optional(),
    queue: wholeNumber(1, SHADOW_QUEUE_MAX, 'copies under way at most; 1024 unless given').optional(),
  }),
  mapping({
    type: z.literal('migrate'),
    from: route,
    to: route,
    start: z.union([z.string(), z.number().min(0)]).describe('a time, or seconds since 1970'),
    interval: z.string().regex(DURATION, 'is no time; write a number and s, m, h or d, such as 1h'),
  }),
  mapping({
    type: z.literal('reshard'),
    from: route.describe('where keys were'),
    to: route.describe('where they are from now on'),
    start: z
      .union([z.string(), z.number().min(0)])
      .describe('a time, or seconds since 1970: not before all proxies have this route'),
    for: z
      .string()
      .regex(DURATION, 'is no time; write a number and s, m, h or d, such as 1h')
      .describe('so long keys are looked for in their old place, too'),
    tail: duration('so long after that the old place is still told of writes; 1m unless given'),
  }),
  mapping({
    type: z.literal('zone'),
    zones: routes,
    local: z.string().optional(),
    'on-miss': z.boolean().optional(),
  }),
  mapping({
    type: z.literal('by-command'),
    commands: z.partialRecord(z.enum(COMMAND_KINDS), route),
    default: route,
  }),
  mapping({ type: z.literal('null') }),
  mapping({
    type: z.literal('error'),
    message: z.string().regex(/^[ -~]{1,200}$/, 'is no message; write up to 200 letters on one line'),
  }),
]);

const listen = z.union([z.string(), z.array(z.string()).min(1)]);
const backlog = wholeNumber(1, 65_535, 'connections that may wait to be accepted').optional();

/** A whole file. */
export const configurationSchema: z.ZodType<ConfigurationEntry> = mapping({
  threads: wholeNumber(1, THREADS_MAX, 'data threads; 1 unless given').optional(),
  'clients-max': wholeNumber(1, 1_000_000, 'clients at a time, of all fronts; 4096 unless given').optional(),
  zone: z.string().describe('where this proxy is, for routes of the type zone').optional(),
  'flush-all': z.boolean().describe('whether clients may use flush_all; false unless given').optional(),
  defaults: mapping(poolSettingsShape).describe('for all pools that do not say otherwise').optional(),
  pools: z.record(z.string().min(1), pool),
  fronts: z
    .record(z.string().min(1), mapping({ listen, backlog, route }))
    .describe('several addresses with a route each, instead of listen and route')
    .optional(),
  listen: listen.describe('HOST:PORT, :PORT or a path').optional(),
  transport: z
    .enum(['auto', 'portable'])
    .describe('portable: servers with TLS may come while it serves; auto unless given')
    .optional(),
  backlog,
  route: route.optional(),
});

/** The schema for editors, as JSON. */
export function configurationJsonSchema(): string {
  const schema = z.toJSONSchema(configurationSchema, { io: 'input', target: 'draft-2020-12' });
  return `${JSON.stringify({ title: 'twincached proxy', ...schema }, null, 2)}\n`;
}
