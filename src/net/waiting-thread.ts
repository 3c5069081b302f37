/*
 * A data thread that was started before it is known for what: it has bound the calls of libc, and loads what it is to run when it is told.
 * `prepareDataThread` starts it.
 */
import { parentPort, setEnvironmentData } from 'node:worker_threads';
import { isThreadOrder, SEAT, THREAD_WAITS } from './data-threads.ts';
import { loadLibc } from './libc.ts';

loadLibc();
parentPort?.once('message', (order: unknown) => {
  if (!isThreadOrder(order)) throw new Error('a waiting thread was told something else than what to run');
  // Where a thread that is started anew has its workerData.
  setEnvironmentData(SEAT, order.seat);
  void import(order.entry);
});
parentPort?.postMessage(THREAD_WAITS);
