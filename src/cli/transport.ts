import { StartError } from '../base/start-error.ts';

/** Names the way in which bytes are moved; for tests, and for a system on which the reactor misbehaves. */
export const TRANSPORT_VARIABLE = 'TWINCACHED_TRANSPORT';

/** How a role is told to move bytes; see net/data-threads.ts. */
export type TransportChoice = 'auto' | 'reactor' | 'portable';

/**
 * Reads the transport from the environment.
 *
 * @returns `auto` when the variable is missing or empty
 * @throws StartError naming the variable when its value is no transport
 */
export function transportOf(environment: NodeJS.ProcessEnv): TransportChoice {
  const value = environment[TRANSPORT_VARIABLE] ?? '';
  if (value === '') return 'auto';
  if (value === 'auto' || value === 'reactor' || value === 'portable') return value;
  throw new StartError(
    `Invalid value "${value}" for ${TRANSPORT_VARIABLE}: reactor, portable or auto is needed`,
  );
}
