import { parseArgs } from 'node:util';
import { StartError } from '../base/start-error.ts';
import { CacheError } from '../client/cache-error.ts';
import type { Reply } from '../client/reply-reader.ts';
import { ServerConnection } from '../client/server-connection.ts';
import type { Invocation } from './invocation.ts';

/** The entry of the local cluster that `twincached up` runs. */
export const SERVER_DEFAULT = '127.0.0.1:12000';

const USAGE = {
  get: 'twincached get KEY [-s HOST:PORT]',
  set: 'twincached set KEY VALUE [-s HOST:PORT]',
  stats: 'twincached stats [WHAT] [-s HOST:PORT]',
} as const;

/** The commands that ask a running server one thing. */
export type ClientCommand = keyof typeof USAGE;

/**
 * `twincached get`, `set` and `stats`: one request to a node or proxy, for trying things out and for scripts.
 *
 * @returns the exit code: 0, or 1 when the key is not there or was not stored
 * @throws StartError when the command line is wrong, or the server does not answer
 */
export async function runClientCommand(command: ClientCommand, invocation: Invocation): Promise<number> {
  const { server, words } = read(command, invocation.words);
  const [key = '', value = ''] = words;
  if (command === 'get') {
    const reply = await ask(server, `get ${key}\r\n`);
    const [item] = reply.items;
    if (item === undefined) return refused(invocation, reply, 'END', `${key}: not found`);
    process.stdout.write(item.value);
    process.stdout.write('\n');
    return 0;
  }
  if (command === 'set') {
    const bytes = Buffer.byteLength(value);
    const reply = await ask(server, `set ${key} 0 0 ${bytes}\r\n${value}\r\n`);
    if (reply.line === 'STORED') return 0;
    return refused(invocation, reply, 'NOT_STORED', `${key}: not stored`);
  }
  const reply = await ask(server, `stats ${key}`.trimEnd().concat('\r\n'), true);
  const last = reply.line === 'END' ? [] : [reply.line];
  invocation.print([...reply.statistics, ...last].map((line) => `${line}\n`).join(''));
  return reply.isError ? 1 : 0;
}

function refused(invocation: Invocation, { line }: Reply, usual: string, sentence: string): number {
  invocation.complain(line === usual ? sentence : line);
  return 1;
}

function read(
  command: ClientCommand,
  words: readonly string[],
): { server: string; words: readonly string[] } {
  let parsed: { values: { server?: string | undefined }; positionals: string[] };
  try {
    parsed = parseArgs({
      args: [...words],
      options: { server: { type: 'string', short: 's' } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new StartError(`${error instanceof Error ? error.message : error}; usage: ${USAGE[command]}`);
  }
  const { positionals } = parsed;
  const least = command === 'stats' ? 0 : command === 'get' ? 1 : 2;
  const most = command === 'set' ? 2 : 1;
  if (positionals.length < least || positionals.length > most)
    throw new StartError(`usage: ${USAGE[command]}`);
  const key = positionals[0] ?? '';
  if (command !== 'stats' && (/[\s\0]/.test(key) || key === '' || Buffer.byteLength(key) > 250)) {
    throw new StartError(`${JSON.stringify(key)} is no key: 1 to 250 bytes without spaces`);
  }
  return { server: parsed.values.server ?? SERVER_DEFAULT, words: positionals };
}

/** Sends a request and waits for its reply. @throws StartError when the server does not answer */
async function ask(server: string, request: string, isList = false): Promise<Reply> {
  let connection: ServerConnection | null = null;
  try {
    connection = new ServerConnection(server, {});
    return await connection.ask(Buffer.from(request), isList);
  } catch (error) {
    if (error instanceof CacheError || error instanceof RangeError) throw new StartError(error.message);
    throw error;
  } finally {
    connection?.close();
  }
}
