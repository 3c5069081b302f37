import { connect } from 'node:net';
import { parseArgs } from 'node:util';
import { StartError } from '../base/start-error.ts';
import { parseEndpoint } from '../net/addresses.ts';
import type { Invocation } from './invocation.ts';

/** The entry of the local cluster that `twincached up` runs. */
const SERVER_DEFAULT = '127.0.0.1:12000';
const TIMEOUT_MS = 5000;
/** A reply longer than the largest item and its line is no reply. */
const REPLY_BYTES_MAX: number = 1024 * 1024 * 1024 + 4096;

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
    const reply = await ask(server, `get ${key}\r\n`, (bytes) => isComplete(bytes, true));
    const lineEnd = reply.indexOf('\r\n');
    const length = /^VALUE \S+ \d+ (\d+)/.exec(reply.toString('latin1', 0, lineEnd))?.[1];
    if (length === undefined) return refused(invocation, reply, 'END', `${key}: not found`);
    process.stdout.write(reply.subarray(lineEnd + 2, lineEnd + 2 + Number(length)));
    process.stdout.write('\n');
    return 0;
  }
  if (command === 'set') {
    const bytes = Buffer.byteLength(value);
    const reply = await ask(server, `set ${key} 0 0 ${bytes}\r\n${value}\r\n`, (all) =>
      isComplete(all, false),
    );
    if (reply.toString('latin1') === 'STORED\r\n') return 0;
    return refused(invocation, reply, 'NOT_STORED', `${key}: not stored`);
  }
  const reply = await ask(server, `stats ${key}`.trimEnd().concat('\r\n'), (bytes) =>
    isComplete(bytes, true),
  );
  const text = reply.toString('latin1');
  invocation.print(
    text
      .replace(/END\r\n$/, '')
      .replaceAll('\r\n', '\n')
      .replaceAll(/^STAT /gm, ''),
  );
  return /^(ERROR|CLIENT_ERROR|SERVER_ERROR)/.test(text) ? 1 : 0;
}

function refused(invocation: Invocation, reply: Buffer, usual: string, sentence: string): number {
  const line = reply.toString('latin1').trimEnd();
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

/** Whether a reply is all there: a line, or with `many` everything up to END or an error line. */
function isComplete(reply: Buffer, many: boolean): boolean {
  const lineEnd = reply.indexOf('\r\n');
  if (lineEnd < 0) return false;
  const line = reply.toString('latin1', 0, lineEnd);
  const length = /^VALUE \S+ \d+ (\d+)/.exec(line)?.[1];
  if (length !== undefined) return reply.length >= lineEnd + 2 + Number(length) + 2 + 'END\r\n'.length;
  if (!many || /^(END|RESET|ERROR|CLIENT_ERROR|SERVER_ERROR|UNSUPPORTED)/.test(line)) return true;
  return reply.subarray(-7).toString('latin1') === '\r\nEND\r\n';
}

/** Sends a request and waits for its reply. */
function ask(server: string, request: string, isDone: (reply: Buffer) => boolean): Promise<Buffer> {
  const endpoint = parseEndpoint(server);
  if (endpoint.kind === 'mistake') throw new StartError(`${server} is no address: ${endpoint.reason}`);
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      socket.destroy();
      reject(new StartError(`${server}: ${reason}`));
    };
    const socket =
      endpoint.kind === 'unix'
        ? connect(endpoint.path)
        : connect(endpoint.port ?? 11211, endpoint.host === '' ? '127.0.0.1' : endpoint.host);
    const chunks: Buffer[] = [];
    let bytes = 0;
    socket.setTimeout(TIMEOUT_MS, () => fail(`no answer within ${TIMEOUT_MS} ms`));
    socket.on('error', (error) => fail(error.message));
    socket.on('close', () => fail('the connection was closed before an answer'));
    socket.on('connect', () => socket.write(request));
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > REPLY_BYTES_MAX) fail('the answer is too long');
      // Joined only when it may be complete, lest a long value cost the square of its length.
      else if (chunk.at(-1) === 10) {
        const reply = Buffer.concat(chunks);
        if (!isDone(reply)) return;
        resolve(reply);
        socket.destroy();
      }
    });
  });
}
