/* `twincached up` with stand-ins for the nodes and proxies; see stand-in-service.ts for what they can be told. */
import { fileURLToPath } from 'node:url';
import { up } from '../src/cluster/up.ts';

const standIn = fileURLToPath(new URL('./stand-in-service.js', import.meta.url));

// As the program itself: whoever reads what is written may go.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
process.exitCode = await up(process.argv.slice(2), {
  command: [process.execPath, standIn],
  spare: null,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});
