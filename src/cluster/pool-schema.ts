/** The pools of a cluster file as they are written: what a proxy listens on, and what stands behind it. */
import { z } from 'zod';
import { DISTRIBUTIONS, KEY_HASHES } from '../hashing/index.ts';
import { EJECT_FAILURES_MAX, type EjectEntry } from '../proxy/configuration-schema.ts';
import { MODULO } from '../routing/tree-plan.ts';
import { name, port, time, UNKNOWN } from './schema-parts.ts';

/** What a proxy says of its own address, or a pool of its. */
export interface RoutesEntry {
  readonly eject?: EjectEntry | undefined;
  readonly to?: readonly string[] | undefined;
  readonly servers?: readonly string[] | undefined;
  readonly spare?: string | undefined;
  readonly hash?: string | undefined;
  readonly distribution?: string | undefined;
  readonly 'hash-tag'?: string | undefined;
  readonly 'request-timeout'?: string | undefined;
  readonly 'return-wait'?: string | undefined;
  readonly 'near-cache'?: string | undefined;
  readonly coalesce?: boolean | undefined;
}

export interface PoolEntry extends RoutesEntry {
  readonly name: string;
  readonly port: number;
}

const SERVERS_MAX = 1000;
const DISTRIBUTION_NAMES: readonly string[] = [MODULO, ...DISTRIBUTIONS.keys()];

/** The keys of RoutesEntry. */
export const routesShape: {
  readonly to: z.ZodOptional<z.ZodArray<z.ZodString>>;
  readonly servers: z.ZodOptional<z.ZodArray<z.ZodString>>;
  readonly spare: z.ZodOptional<z.ZodString>;
  readonly hash: z.ZodOptional<z.ZodType<string>>;
  readonly distribution: z.ZodOptional<z.ZodType<string>>;
  readonly 'hash-tag': z.ZodOptional<z.ZodString>;
  readonly 'request-timeout': z.ZodOptional<z.ZodString>;
  readonly 'return-wait': z.ZodOptional<z.ZodString>;
  readonly 'near-cache': z.ZodOptional<z.ZodString>;
  readonly coalesce: z.ZodOptional<z.ZodBoolean>;
  readonly eject: z.ZodOptional<z.ZodType<EjectEntry>>;
} = {
  to: z
    .array(name)
    .min(1)
    .optional()
    .describe('shards or proxies, in an order that decides where keys lie; all shards unless given'),
  servers: z
    .array(z.string())
    .min(1)
    .max(SERVERS_MAX)
    .optional()
    .describe('servers that are none of this cluster, instead of `to`: HOST:PORT, and *WEIGHT behind it'),
  spare: name.optional().describe('a shard or a proxy that serves when one of `to` cannot'),
  hash: oneOf(KEY_HASHES.keys())
    .optional()
    .describe('how keys are hashed; fnv1a_64 unless given, modulo has its own'),
  distribution: oneOf(DISTRIBUTION_NAMES)
    .optional()
    .describe('how hashes are spread; modulo unless given, with a hash ketama'),
  'hash-tag': z
    .string()
    .regex(/^[!-~]{2}$/, 'is no hash tag; write two characters, such as "{}"')
    .optional()
    .describe('of keys with these two characters only what stands between them is hashed'),
  'request-timeout': time('1ms', '10m', '500ms')
    .optional()
    .describe('from a request to its reply; 1s unless given'),
  'return-wait': time('0ms', '60s', '1s')
    .optional()
    .describe('so long after it was lost a server that has no stand-in is waited for; 1s unless given'),
  'near-cache': time('1ms', '10s', '100ms')
    .optional()
    .describe('so long values of hot keys are kept and given out by the proxy: 1ms to 10s; off unless given'),
  coalesce: z
    .boolean()
    .optional()
    .describe('gets of one hot key at the same time are sent once; off unless given'),
  eject: z
    .strictObject(
      {
        failures: z
          .int()
          .min(1)
          .max(EJECT_FAILURES_MAX)
          .optional()
          .describe('so many in a row; 2 unless given'),
        retry: time('0ms', '24h', '30s')
          .optional()
          .describe('so long it stays out at least; 30s unless given'),
      },
      UNKNOWN,
    )
    .optional()
    .describe(
      'what fails so often loses its keys to the others of `to`, until it answers again; off unless given',
    ),
};

export const poolSchema: z.ZodType<PoolEntry> = z.strictObject(
  { name, port: port.describe('of each proxy that serves it'), ...routesShape },
  UNKNOWN,
);

function oneOf(names: Iterable<string>): z.ZodType<string> {
  return z.enum([...names]);
}
