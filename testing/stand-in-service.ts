/*
 * A program that looks like a node or a proxy to its supervisor: it takes their options, listens on `-p` or where its configuration says, and answers `version` and `stats`.
 * How it misbehaves is said by the environment variable STAND_IN (words separated by blanks):
 *
 *   bad-option      ends at once as a program does that dislikes an option
 *   dies            ends with code 3 some milliseconds after it has answered for the first time
 *   ignores-term    needs a SIGKILL
 *   copies          sends a copy to its first twin, and is somewhat further whenever it is asked
 *   chatty          writes a great many lines
 *   logs-stop=FILE  appends its port to FILE when it gets SIGTERM
 *   hangs           computes for ever when it is told `hang`
 *   only=PORT       all this applies to the one on that port
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { isSpare, wordsToBecome } from '../src/system/spare-words.ts';

const started = process.argv.slice(2);
const isWaiting = isSpare(started) && process.env['STAND_IN'] !== 'bad-option';
const line = isWaiting ? await wordsToBecome() : started;
if (line === null) process.exit(0);

const option = (name: string): string | undefined => {
  const at = line.indexOf(name);
  return at < 0 ? undefined : line[at + 1];
};
const configuration = option('-c');
const port =
  configuration === undefined || !configuration.endsWith('.yml')
    ? Number(option('-p') ?? 0)
    : Number(/"listen": "[^"]*:(\d+)"/.exec(readFileSync(configuration, 'utf8'))?.[1]);
const words = (process.env['STAND_IN'] ?? '').split(' ');
const only = words.find((word) => word.startsWith('only='));
const misbehaviour = only === undefined || only === `only=${port}` ? words : [];
const stopLog = misbehaviour.find((word) => word.startsWith('logs-stop='))?.slice('logs-stop='.length);

if (misbehaviour.includes('bad-option')) {
  process.stderr.write("stand-in: invalid option -- 'z'\n");
  process.exit(64);
}
if (misbehaviour.includes('chatty')) for (let i = 0; i < 5000; i++) process.stderr.write(`line ${i}\n`);

process.on('SIGTERM', () => {
  if (stopLog !== undefined) appendFileSync(stopLog, `${port}\n`);
  if (!misbehaviour.includes('ignores-term')) process.exit(0);
});
process.on('SIGINT', () => process.exit(0));

let itemsSent = 0;

const server = createServer((socket) => {
  let text = '';
  socket.setEncoding('latin1');
  socket.on('error', () => {});
  socket.on('data', (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
      const line = text.slice(0, end);
      text = text.slice(end + 2);
      if (line === 'hang' && misbehaviour.includes('hangs')) for (;;);
      if (line === 'version') socket.write('VERSION 0.0.0\r\n');
      else if (line === 'stats')
        socket.write(
          `STAT pid ${process.pid}\r\nSTAT version 0.0.0\r\nSTAT curr_items 7\r\nSTAT get_hits 3\r\nSTAT get_misses 1\r\nEND\r\n`,
        );
      else if (line === 'stats replication' && misbehaviour.includes('copies')) {
        itemsSent += 1;
        socket.write(
          `STAT replication_peer_0_state syncing\r\nSTAT replication_peer_0_sync_items_sent ${itemsSent}\r\nSTAT replication_peer_0_sync_percent 42\r\nEND\r\n`,
        );
      } else if (line === 'stats replication') socket.write('STAT replication_state linked\r\nEND\r\n');
      else socket.write('ERROR\r\n');
      if (misbehaviour.includes('dies')) setTimeout(() => process.exit(3), 5);
    }
  });
});
server.on('error', (error: NodeJS.ErrnoException) => {
  process.stderr.write(`failed to listen on TCP port ${port}: ${error.code}\n`);
  process.exit(71);
});
server.listen(port, '127.0.0.1', () => process.stderr.write(`listening on ${port}\n`));
