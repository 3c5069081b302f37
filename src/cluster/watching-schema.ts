/** The parts of a cluster file that say how its services are watched, what they may use, and who is told: their shape. */
import { z } from 'zod';
import { CONDITION_PATTERN } from '../checks/rule-condition.ts';
import { port, size, time, UNKNOWN } from './schema-parts.ts';

/** The events that a cluster tells of, by monit's names. */
export const CLUSTER_EVENTS = [
  'nonexist',
  'connection',
  'timeout',
  'resource',
  'action',
  'instance',
] as const;
export type ClusterEventName = (typeof CLUSTER_EVENTS)[number];

export interface MailEntry {
  readonly server: string;
  readonly port?: number | undefined;
  readonly tls?: boolean | undefined;
  readonly user?: string | undefined;
  readonly 'password-file'?: string | undefined;
  readonly from?: string | undefined;
}

export interface AlertEntry {
  readonly mail?: string | undefined;
  readonly webhook?: string | undefined;
  readonly 'webhook-file'?: string | undefined;
  readonly exec?: readonly string[] | undefined;
  readonly events?: readonly ClusterEventName[] | undefined;
  readonly of?: readonly string[] | undefined;
  readonly remind?: string | undefined;
}

export interface RuleEntry {
  readonly of?: readonly string[] | undefined;
  readonly if: string;
  readonly for?: string | undefined;
  readonly times?: number | undefined;
  readonly within?: string | undefined;
  readonly do?: 'alert' | 'restart' | undefined;
  readonly exec?: readonly string[] | undefined;
}

export interface WatchEntry {
  readonly every?: string | undefined;
  readonly timeout?: string | undefined;
  readonly failures?: number | undefined;
  readonly 'start-timeout'?: string | undefined;
  readonly 'stop-timeout'?: string | undefined;
  readonly restarts?:
    | { readonly most: number; readonly within: string; readonly retry?: string | undefined }
    | undefined;
}

export interface NodeLimitsEntry {
  readonly connections?: number | undefined;
  readonly 'max-item-size'?: string | undefined;
  readonly 'listen-backlog'?: number | undefined;
  readonly 'replication-backlog'?: string | undefined;
}

export interface ProxyLimitsEntry {
  readonly clients?: number | undefined;
  readonly 'listen-backlog'?: number | undefined;
  readonly 'request-timeout'?: string | undefined;
  readonly 'connect-timeout'?: string | undefined;
  readonly 'queue-calls'?: number | undefined;
  readonly 'queue-bytes'?: string | undefined;
}

const TARGETS_MAX = 100;
const RULES_MAX = 1000;
const WORDS_MAX = 100;
/** The longest time that a rule can ask for, in looks: an hour of seconds. */
export const CYCLES_MAX = 3600;

const filePath = z.string().min(1);
const program = z
  .array(z.string())
  .min(1)
  .max(WORDS_MAX)
  .describe('a program and its arguments; no shell reads them');
const services = z
  .array(z.string())
  .min(1)
  .max(WORDS_MAX)
  .describe('names of nodes, shards and proxies; "nodes", "proxies": all of them. Everything unless given');
const mailAddress = z
  .string()
  .regex(/^[^\s@]+@[^\s@]+$/, 'is no mail address; write one, such as ops@example.com');

/** How mails are sent. */
export const mailSchema: z.ZodType<MailEntry> = z
  .strictObject(
    {
      server: z
        .string()
        .regex(/^[\w.:-]+$/, 'is no host; write a name or an address')
        .describe('the mail server'),
      port: port.optional().describe('25 unless given; with TLS 465'),
      tls: z
        .boolean()
        .optional()
        .describe('false unless given. At ports 25 and 587 TLS begins with a word (STARTTLS)'),
      user: z.string().min(1).optional(),
      'password-file': filePath.optional().describe('its first line is the password'),
      from: mailAddress.optional().describe('twincached@HOST unless given'),
    },
    UNKNOWN,
  )
  .describe('how mails are sent');

const alert = z.strictObject(
  {
    mail: mailAddress.optional().describe('who gets a mail'),
    webhook: z
      .string()
      .regex(/^https?:\/\/[^\s/]\S*$/i, 'is no URL; write one that begins with http:// or https://')
      .optional()
      .describe('which URL gets a POST of JSON'),
    'webhook-file': filePath
      .optional()
      .describe('instead: its first line is the URL, which nobody is to see'),
    exec: program.optional(),
    events: z.array(z.enum(CLUSTER_EVENTS)).min(1).optional().describe('all unless given'),
    of: services.optional(),
    remind: time('1s', '168h', '1h')
      .optional()
      .describe('what goes on is told again after so long; once unless given'),
  },
  UNKNOWN,
);

/** Who is told. */
export const alertsSchema: z.ZodType<readonly AlertEntry[]> = z
  .array(alert)
  .max(TARGETS_MAX)
  .describe('who is told of what happens; each has one of mail, webhook, webhook-file and exec');

/** So many looks, or as many as fit into a time. */
const looks = z
  .string({
    error: (issue) =>
      issue.input === undefined ? undefined : 'is no time; write one, such as 30s, or "3 cycles"',
  })
  .regex(/^\d{1,8}(ms|s|m|h| cycles?)$/, 'is no time; write one, such as 30s, or "3 cycles"');

const rule = z.strictObject(
  {
    of: services.optional(),
    if: z
      .string()
      .meta({ pattern: CONDITION_PATTERN.source })
      .describe('a figure, a comparison and a limit, such as "memory > 2G", or "not in-sync"'),
    for: looks.optional().describe('at all looks of so long: 30s, 5m, or "3 cycles"; one look unless given'),
    times: z
      .int()
      .min(1)
      .max(CYCLES_MAX)
      .optional()
      .describe('instead of `for`: at so many looks of those in the time that `within` says'),
    within: looks.optional().describe('with `times`: 5m for instance, or "10 cycles"'),
    do: z.enum(['alert', 'restart']).optional().describe('"alert" unless given; both tell'),
    exec: program.optional(),
  },
  UNKNOWN,
);

export const rulesSchema: z.ZodType<readonly RuleEntry[]> = z
  .array(rule)
  .max(RULES_MAX)
  .describe('what else is looked at, and what is done when it is so');

/** How services are watched. */
export const watchSchema: z.ZodType<WatchEntry> = z
  .strictObject(
    {
      every: time('100ms', '10m', '1s').optional().describe('a cycle: between two probes; 1s unless given'),
      timeout: time('10ms', '1m', '2s')
        .optional()
        .describe('a probe without an answer after this has failed; 2s unless given'),
      failures: z
        .int()
        .min(1)
        .max(100)
        .optional()
        .describe('failed probes in a row after which a process is killed and replaced; 3 unless given'),
      'start-timeout': time('1s', '1h', '1m')
        .optional()
        .describe('a start that takes longer, without progress, has failed; 1m unless given'),
      'stop-timeout': time('100ms', '1h', '10s')
        .optional()
        .describe('from SIGTERM to SIGKILL; 10s unless given'),
      restarts: z
        .strictObject(
          {
            most: z.int().min(1).max(100),
            within: time('1s', '24h', '10m'),
            retry: time('1s', '168h', '15m')
              .optional()
              .describe('so long after that it is tried once more; only by `start` unless given'),
          },
          UNKNOWN,
        )
        .optional()
        .describe('what dies or hangs more often is given up; never unless given'),
    },
    UNKNOWN,
  )
  .describe('how services are watched');

const backlog = z.int().min(1).max(65_535).describe('connections that may wait to be accepted');

export const nodeLimitsSchema: z.ZodType<NodeLimitsEntry> = z.strictObject(
  {
    connections: z.int().min(10).max(10_000_000).optional().describe('-c: most clients at a time'),
    'max-item-size': size('8M')
      .optional()
      .describe('-I: the largest item; at most half of the memory, and 1G'),
    'listen-backlog': backlog.optional(),
    'replication-backlog': size('16M')
      .optional()
      .describe('changes that are kept for a twin that is away, per thread, up to 1G'),
  },
  UNKNOWN,
);

export const proxyLimitsSchema: z.ZodType<ProxyLimitsEntry> = z.strictObject(
  {
    clients: z.int().min(1).max(10_000_000).optional().describe('most clients at a time'),
    'listen-backlog': backlog.optional(),
    'request-timeout': time('1ms', '1h', '1s')
      .optional()
      .describe('from a request to its reply; 1s unless given'),
    'connect-timeout': time('1ms', '1m', '500ms')
      .optional()
      .describe('from dialling to the answered probe; 500ms unless given'),
    'queue-calls': z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('requests that may wait for one server, per thread; 65536 unless given'),
    'queue-bytes': size('64M')
      .optional()
      .describe('bytes that may wait for one server, per thread; 128M unless given'),
  },
  UNKNOWN,
);
