import { PROCESS_READS } from './bounded-reads.ts';

/**
 * Ends this process with an exit code. The ordinary way waits for all threads of Node's pool; where one of them hangs in a reading it would be waited
 * for without end, so the process is left at once then: what was to be written has to be written before.
 */
export async function endProcess(code: number): Promise<void> {
  if (PROCESS_READS.hung === 0) process.exit(code);
  try {
    const { default: koffi } = await import('koffi');
    koffi.load(null).func('_exit', 'void', ['int'])(code);
  } catch {
    // Without the C library's way there is this one, though the code is lost.
  }
  process.kill(process.pid, 'SIGKILL');
}
