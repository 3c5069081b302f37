import type { Monitor } from '../monitor/monitor.ts';

/** A word on what is still missing, this often, while a cluster starts. */
const STILL_WAITING_MS = 5000;

/** How a start has ended. */
export type StartOutcome =
  | { readonly type: 'running' }
  | { readonly type: 'gave-up'; readonly service: string; readonly reason: string };

/**
 * Waits until everything runs, or something has been given up.
 *
 * @param onWait is told what is missing, again and again
 */
export function firstOutcome(
  monitor: Monitor,
  onWait: (missing: string) => void = () => {},
): Promise<StartOutcome> {
  return new Promise((resolve) => {
    const reminder = setInterval(() => {
      const missing = monitor.status().services.filter(({ state }) => state !== 'running');
      onWait(
        missing
          .map(({ name, state, reason }) => `${name} (${reason === '' ? state : `${state}: ${reason}`})`)
          .join(', '),
      );
    }, STILL_WAITING_MS);
    const unsubscribe = monitor.onChange(() => {
      const { services } = monitor.status();
      const lost = services.find(({ state }) => state === 'gave-up');
      const leaving = services.some(({ state }) => state === 'stopping' || state === 'stopped');
      if (lost === undefined && !leaving && services.some(({ state }) => state !== 'running')) return;
      clearInterval(reminder);
      unsubscribe();
      // While everything is being stopped nobody asks any more, so nothing is resolved.
      if (lost !== undefined) resolve({ type: 'gave-up', service: lost.name, reason: lost.reason });
      else if (!leaving) resolve({ type: 'running' });
    });
  });
}
