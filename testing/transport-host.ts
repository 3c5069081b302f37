/** A process with one thread of the transport tests, asked through its IPC channel; ends when the channel closes. */
import type { TransportName } from '../src/net/data-threads.ts';
import { startHarness } from './transport-harness.ts';
import type { Asked } from './transport-thread.ts';

const transport: TransportName = process.argv[2] === 'portable' ? 'portable' : 'auto';
const harness = startHarness(transport, 1, (error) => {
  console.error(error);
  process.exit(1);
});

process.on('message', (asked: Asked) => {
  harness.ask(asked.command).then((answer) => process.send?.({ id: asked.id, answer }));
});
process.on('disconnect', () => {
  harness.threads.stop();
});
