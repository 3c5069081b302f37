import { PROCESS_READS } from './bounded-reads.ts';

/**
 * Ends this process with an exit code. The ordinary way waits for all threads of Node's pool; where one of them hangs in a reading it would be waited
 * for without end, and nobody knows of a reading that has just begun whether it will. So while there is one the process is left at once, when who listens for
 * its `exit` has been told: what was to be written has to be written before.
 */
export async function endProcess(code: number): Promise<void> {
  if (PROCESS_READS.underWay === 0) process.exit(code);
  try {
    process.emit('exit', code);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  }
  try {
    const { default: koffi } = await import('koffi');
    koffi.load(null).func('_exit', 'void', ['int'])(code);
  } catch {
    // Without the C library's way there is this one, though the code is lost.
  }
  process.kill(process.pid, 'SIGKILL');
}
