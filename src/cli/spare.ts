import { prepareDataThread } from '../net/data-threads.ts';
import { wordsToBecome } from '../system/spare-words.ts';

/**
 * Loads what the servers of a cluster need, starts the thread that each of them needs, and waits.
 *
 * @param program its name, for ps
 * @returns the words with which to go on; null when nobody needs this process any more
 */
export async function becomeSpare(program: string): Promise<readonly string[] | null> {
  process.title = `${program} spare (starting)`;
  const threadWaits = prepareDataThread();
  await Promise.all([
    import('./serve.ts'),
    import('./memcached-options.ts'),
    import('./proxy-options.ts'),
    import('../node/main-thread.ts'),
    import('../proxy/configured-proxy.ts'),
    import('../system/resource-limits.ts'),
    import('../system/users.ts'),
  ]);
  await threadWaits;
  process.title = `${program} spare`;
  return wordsToBecome();
}
