import { readFileSync } from 'node:fs';
import { StartError } from '../base/start-error.ts';

const EX_OSERR = 71;

/** RLIMIT_NOFILE of Linux on every processor that Node runs on. */
const RLIMIT_NOFILE = 7;
const RLIMIT_CORE = 4;

/** Descriptors that are not clients': Node's own, listeners, twins, each thread's loop. */
const DESCRIPTORS_BESIDE_CLIENTS = 64;

/** Soft and hard limit; infinite where the system says unlimited. */
export interface DescriptorLimit {
  readonly soft: number;
  readonly hard: number;
}

/** Reads the text of /proc/self/limits. @returns null when the line is not there */
export function parseDescriptorLimit(limits: string): DescriptorLimit | null {
  return parseLimit('Max open files', limits);
}

function parseLimit(name: string, limits: string): DescriptorLimit | null {
  const [, soft, hard] =
    new RegExp(`^${name}\\s+(\\d+|unlimited)\\s+(\\d+|unlimited)\\s`, 'm').exec(limits) ?? [];
  if (soft === undefined || hard === undefined) return null;
  const number = (text: string): number => (text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text));
  return { soft: number(soft), hard: number(hard) };
}

/** This process's limit; null where the system does not tell (other systems than Linux). */
export function descriptorLimit(): DescriptorLimit | null {
  return parseDescriptorLimit(readLimits());
}

/** Empty where the system does not tell. */
function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return '';
  }
}

/**
 * Sees to it that so many clients can be connected. Node has raised the soft limit to the hard one when it started, so usually there is nothing
 * to do and libc is not loaded.
 *
 * @param connections clients at a time (`-c`)
 * @param threads data threads, each with a few descriptors
 * @throws StartError in memcached's words, exit code 71, when the hard limit is lower and may not be raised
 */
export async function allowDescriptors(connections: number, threads: number): Promise<void> {
  const limit = descriptorLimit();
  const wanted = connections + DESCRIPTORS_BESIDE_CLIENTS + 4 * threads;
  if (limit === null || limit.soft >= wanted) return;
  if (await setDescriptorLimit(wanted, Math.max(wanted, limit.hard))) return;
  // The hard limit stands. As memcached, be content with room for the clients alone; a few less then get in.
  if (limit.soft >= connections) return;
  if (limit.hard >= connections && (await setDescriptorLimit(limit.hard, limit.hard))) return;
  throw new StartError(
    'failed to set rlimit for open files. Try starting as root or requesting smaller maxconns value.',
    EX_OSERR,
  );
}

/** Lets the system write core files of any size, or as large as the hard limit allows (`-r`). */
export async function allowCoreDumps(): Promise<void> {
  const unlimited = Number.POSITIVE_INFINITY;
  if (await setLimit(RLIMIT_CORE, unlimited, unlimited)) return;
  const hard = parseLimit('Max core file size', readLimits())?.hard;
  if (hard !== undefined && (await setLimit(RLIMIT_CORE, hard, hard))) return;
  throw new StartError('failed to ensure corefile creation', EX_OSERR);
}

async function setDescriptorLimit(soft: number, hard: number): Promise<boolean> {
  return setLimit(RLIMIT_NOFILE, soft, hard);
}

async function setLimit(resource: number, soft: number, hard: number): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  try {
    const { default: koffi } = await import('koffi');
    const setrlimit = koffi.load(null).func('setrlimit', 'int', ['int', 'void *']);
    const INFINITY = 0xffffffffffffffffn;
    const limit = new BigUint64Array([soft, hard].map((n) => (Number.isFinite(n) ? BigInt(n) : INFINITY)));
    return setrlimit(resource, limit) === 0;
  } catch {
    // No binding for this system: the limit stays as it is.
    return false;
  }
}
