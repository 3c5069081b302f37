import { Worker } from 'node:worker_threads';

/** Runs a module of this folder as a thread of its own and waits for the one message that it posts. */
export function reportOf<Report>(module: string, order: unknown): Promise<Report> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(module, import.meta.url), { workerData: order });
    worker.on('message', resolve);
    worker.on('error', reject);
    worker.on('exit', (status) => reject(new Error(`the thread ended with ${status} and no report`)));
  });
}
