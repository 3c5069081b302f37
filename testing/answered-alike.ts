import assert from 'node:assert/strict';
import { AS_ROOT, freePorts, MEMCACHED, run } from './processes.ts';
import { RawSocket } from './raw-socket.ts';
import { startNode, startProxy } from './servers.ts';
import { until } from './wait.ts';

const AT_A_TIME = 10;

/**
 * Sends the same commands of the text protocol to a new node and to the installed memcached, and compares the replies one by one.
 *
 * @param commands without their last CR LF
 * @param comparable takes out of a reply what differs between any two servers
 * @param seed is named in the error
 * @throws AssertionError with the first command that is answered otherwise
 */
export async function assertAnsweredAlike(
  commands: readonly string[],
  comparable: (reply: string) => string,
  seed: number,
): Promise<void> {
  const [port = 0] = await freePorts(1);
  const theirs = run(MEMCACHED ?? '', [...AS_ROOT, '-l', '127.0.0.1', '-p', `${port}`]);
  const ours = await startNode([]);
  try {
    const [expected, actual] = await Promise.all([converse(port, commands), converse(ours.port, commands)]);
    for (const [index, command] of commands.entries())
      assert.equal(
        comparable(actual[index] ?? ''),
        comparable(expected[index] ?? ''),
        `SEED=${seed}, command ${index}: ${JSON.stringify(command.slice(0, 200))}`,
      );
  } finally {
    await theirs.kill();
    await ours.process.kill();
  }
}

/** The same of the installed memcached, and of another one with a proxy in front. */
export async function assertPassedOnAlike(
  commands: readonly string[],
  comparable: (reply: string) => string,
  seed: number,
): Promise<void> {
  const [direct = 0, behind = 0, front = 0] = await freePorts(3);
  const servers = [direct, behind].map((port) =>
    run(MEMCACHED ?? '', [...AS_ROOT, '-l', '127.0.0.1', '-p', `${port}`]),
  );
  // Two names for one server, so that keys are placed.
  const proxy = await startProxy(front, ['-s', `127.0.0.1:${behind}`, '-s', `127.1:${behind}`]);
  try {
    const [expected, actual] = await Promise.all([converse(direct, commands), converse(front, commands)]);
    for (const [index, command] of commands.entries())
      assert.equal(
        comparable(actual[index] ?? ''),
        comparable(expected[index] ?? ''),
        `SEED=${seed}, command ${index}: ${JSON.stringify(command.slice(0, 200))}`,
      );
  } finally {
    await proxy.process.kill();
    for (const server of servers) await server.kill();
  }
}

/**
 * Sends commands, some at a time, each with a `version` behind it that marks the end of its reply. The first is sent by itself: a proxy has several connections to one server,
 * and which of two commands is executed first, and has the lower cas id, is not known.
 *
 * @returns the replies
 */
async function converse(port: number, commands: readonly string[]): Promise<string[]> {
  const socket = await until('a server', () => RawSocket.connect(port));
  const replies: string[] = [];
  let from = 0;
  for (let at = 0; at < commands.length; at = at === 0 ? 1 : at + AT_A_TIME) {
    const some = commands.slice(at, at === 0 ? 1 : at + AT_A_TIME);
    await socket.send(some.map((command) => `${command}\r\nversion\r\n`).join(''));
    const parts = await until(`the answers to commands ${at} to ${at + AT_A_TIME}`, () => {
      const found = socket.received.slice(from).split(/VERSION [^\r]*\r\n/);
      return found.length > some.length ? found : null;
    });
    assert.equal(parts.pop(), '');
    replies.push(...parts);
    from = socket.received.length;
  }
  socket.vanish(false);
  return replies;
}
