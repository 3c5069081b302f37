/** The cluster file as it is written, checked by its shape; `cluster-file.ts` says what it means. */
import { z } from 'zod';
import { LOG_FORMATS, type LogFormat } from '../telemetry/log-format.ts';
import { type PoolEntry, poolSchema, type RoutesEntry, routesShape } from './pool-schema.ts';
import { name, port, size, time, UNKNOWN } from './schema-parts.ts';
import {
  type AlertEntry,
  alertsSchema,
  type MailEntry,
  mailSchema,
  type NodeLimitsEntry,
  nodeLimitsSchema,
  type ProxyLimitsEntry,
  proxyLimitsSchema,
  type RuleEntry,
  rulesSchema,
  type WatchEntry,
  watchSchema,
} from './watching-schema.ts';

/** Of everything that a file names. */
export interface TwinEntry {
  readonly host?: string | undefined;
  readonly port: number;
}

export interface ShardEntry {
  readonly name: string;
  readonly twins: readonly TwinEntry[];
  readonly 'replication-port': number;
  readonly memory?: string | undefined;
  readonly threads?: number | undefined;
  readonly options?: readonly string[] | undefined;
  readonly limits?: NodeLimitsEntry | undefined;
  readonly watch?: WatchEntry | undefined;
}

export interface ProxyEntry extends RoutesEntry {
  readonly name: string;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly pools?: readonly string[] | undefined;
  readonly threads?: number | undefined;
  readonly clients?: number | undefined;
  readonly title?: string | undefined;
  readonly limits?: ProxyLimitsEntry | undefined;
  readonly watch?: WatchEntry | undefined;
}

export interface PageUserEntry {
  readonly name: string;
  readonly role: 'admin' | 'read-only';
  readonly 'password-file'?: string | undefined;
  readonly 'password-environment'?: string | undefined;
}

export interface PageEntry {
  readonly port?: number | undefined;
  readonly address?: string | undefined;
  readonly users?: readonly PageUserEntry[] | undefined;
  readonly allow?: readonly string[] | undefined;
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  readonly 'audit-log'?: string | undefined;
}

export interface ClusterEntry {
  readonly name?: string | undefined;
  readonly hosts?: Readonly<Record<string, string>> | undefined;
  readonly defaults?:
    | {
        readonly memory?: string | undefined;
        readonly threads?: number | undefined;
        readonly 'secret-file'?: string | undefined;
      }
    | undefined;
  readonly shards: readonly ShardEntry[];
  readonly pools?: readonly PoolEntry[] | undefined;
  readonly proxies: readonly ProxyEntry[];
  readonly page?: PageEntry | undefined;
  readonly log?: { readonly format?: LogFormat | undefined } | undefined;
  readonly 'warm-start'?: boolean | undefined;
  readonly reshard?:
    | false
    | { readonly for?: string | undefined; readonly prepare?: string | undefined }
    | undefined;
  readonly limits?:
    | { readonly nodes?: NodeLimitsEntry | undefined; readonly proxies?: ProxyLimitsEntry | undefined }
    | undefined;
  readonly watch?: WatchEntry | undefined;
  readonly rules?: readonly RuleEntry[] | undefined;
  readonly mail?: MailEntry | undefined;
  readonly alerts?: readonly AlertEntry[] | undefined;
}

const TWINS_MAX = 8;
const SHARDS_MAX = 1000;
const PROXIES_MAX = 1000;
const POOLS_MAX = 1000;
const THREADS_MAX = 64;
const PAGE_USERS_MAX = 1000;
const PAGE_NETWORKS_MAX = 1000;

const memory = size('64M').describe('for the items of one node: 64M, 2G');
const threads = z.int().min(1).max(THREADS_MAX);

const twin = z.strictObject(
  { host: name.optional().describe('one of hosts; the only one unless given'), port },
  UNKNOWN,
);

const shard = z.strictObject(
  {
    name,
    twins: z.array(twin).min(1).max(TWINS_MAX).describe('each has everything'),
    'replication-port': port.describe('between the twins'),
    memory: memory.optional(),
    threads: threads.optional(),
    options: z.array(z.string()).optional().describe("further words of the node's command line"),
    limits: nodeLimitsSchema.optional().describe('instead of those of all nodes'),
    watch: watchSchema.optional(),
  },
  UNKNOWN,
);

const proxy = z.strictObject(
  {
    name,
    host: name.optional(),
    port: port.optional().describe('needed, unless it has pools'),
    pools: z
      .array(name)
      .min(1)
      .max(POOLS_MAX)
      .optional()
      .describe('what it serves, by name; instead of a port of its own'),
    ...routesShape,
    threads: threads.optional(),
    clients: z.int().min(1).max(10_000_000).optional().describe('most clients at a time'),
    title: z.string().max(100).optional().describe('a phrase for the page'),
    limits: proxyLimitsSchema.optional().describe('instead of those of all proxies'),
    watch: watchSchema.optional(),
  },
  UNKNOWN,
);

const pageUser = z.strictObject(
  {
    name: z
      .string()
      .regex(/^[^\p{Cc}:]{1,64}$/u, 'is no name of a user; write up to 64 characters, none of them ":"')
      .describe('up to 64 characters, none of them ":"'),
    role: z.enum(['admin', 'read-only']).describe('read-only: may look, and change nothing'),
    'password-file': z.string().min(1).optional().describe('its first line is the password'),
    'password-environment': z
      .string()
      .regex(/^[A-Za-z_]\w*$/, 'is no name of a variable; write one, such as PAGE_PASSWORD')
      .optional()
      .describe('the variable of the environment that has the password'),
  },
  UNKNOWN,
);

const page = z.strictObject(
  {
    port: port.optional().describe('2812 unless given'),
    address: z
      .string()
      .min(1)
      .optional()
      .describe(
        'where the page listens; 127.0.0.1 unless given; "host": the address of the host that it runs on',
      ),
    users: z.array(pageUser).max(PAGE_USERS_MAX).optional().describe('needed beyond 127.0.0.1'),
    allow: z
      .array(z.string())
      .min(1)
      .max(PAGE_NETWORKS_MAX)
      .optional()
      .describe('networks that clients may come from, such as 10.0.0.0/8; any unless given'),
    tls: z
      .strictObject({ cert: z.string().min(1), key: z.string().min(1) }, UNKNOWN)
      .optional()
      .describe('files with the certificate chain and the key, in PEM'),
    'audit-log': z.string().min(1).optional().describe('the file that says who did what'),
  },
  UNKNOWN,
);

/** The whole file. */
export const clusterSchema: z.ZodType<ClusterEntry> = z.strictObject(
  {
    name: name.optional().describe('"cluster" unless given'),
    hosts: z
      .record(name, z.string().min(1))
      .optional()
      .describe('address of each host; { local: 127.0.0.1 } unless given'),
    defaults: z
      .strictObject(
        {
          memory: memory.optional(),
          threads: threads.optional(),
          'secret-file': z.string().min(1).optional(),
        },
        UNKNOWN,
      )
      .optional(),
    shards: z.array(shard).min(1).max(SHARDS_MAX),
    pools: z.array(poolSchema).max(POOLS_MAX).optional().describe('what proxies serve that name them'),
    proxies: z.array(proxy).max(PROXIES_MAX),
    limits: z
      .strictObject({ nodes: nodeLimitsSchema.optional(), proxies: proxyLimitsSchema.optional() }, UNKNOWN)
      .optional()
      .describe('what all nodes, and all proxies, may use'),
    watch: watchSchema.optional(),
    rules: rulesSchema.optional(),
    mail: mailSchema.optional(),
    alerts: alertsSchema.optional(),
    page: page.optional(),
    log: z
      .strictObject({ format: z.enum(LOG_FORMATS).optional().describe('classic unless given') }, UNKNOWN)
      .optional()
      .describe('what the monitor tells on its standard output'),
    reshard: z
      .union([
        z.literal(false),
        z.strictObject(
          {
            for: time('1m', '720h', '1h').optional().describe('1h unless given'),
            prepare: time('1s', '10m', '5s')
              .optional()
              .describe(
                'until it begins, so that all proxies know of it; 5s unless given, with several hosts 2m',
              ),
          },
          UNKNOWN,
        ),
      ])
      .optional()
      .describe('how long keys are carried over when the shards of a pool change; false: they are misses'),
    'warm-start': z
      .boolean()
      .optional()
      .describe(
        'a process that has loaded everything waits to be the next node or proxy that must be started; true unless given',
      ),
  },
  UNKNOWN,
);

/** The JSON schema of the file, for editors. */
export function clusterJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(clusterSchema), null, 2)}\n`;
}
