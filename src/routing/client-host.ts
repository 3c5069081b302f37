import type { CallPool } from './call.ts';
import type { ClientManner } from './client-manner.ts';
import type { RequestPool } from './request-pool.ts';
import type { RouteHandle } from './route-handle.ts';
import type { RoutingSettings } from './settings.ts';

/** What client sessions share. */
export interface ClientHost {
  readonly settings: RoutingSettings;
  readonly requests: RequestPool;
  readonly calls: CallPool;
  readonly root: RouteHandle;
  /** To all servers, of what has no key; null: there are none. */
  readonly everywhere: RouteHandle | null;
  readonly manner: ClientManner;
  /** The value of an admin key; see admin-keys.ts. */
  adminAnswer(question: string): string;
  nowMs(): number;
  /** For one client more. */
  nextLane(): number;
  /** Finds out the whole answer to `stats` with these arguments. @param done is called once, now or soon */
  askStatistics(words: string, done: (text: string) => void): void;
}
