/** The module that each data thread of a proxy runs. */
import { runDataThread } from '../net/data-threads.ts';
import { runProxyThread } from './proxy-thread.ts';

void runDataThread(runProxyThread);
