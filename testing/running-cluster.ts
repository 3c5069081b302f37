import type { TestContext } from 'node:test';
import { type Running, twincached } from './processes.ts';
import { until } from './wait.ts';

/**
 * Starts a cluster, waits for it, and stops it when the test has ended.
 *
 * @param path of its file
 * @returns the command, which is its monitor
 */
export async function runningCluster(
  t: TestContext,
  path: string,
  environment: Readonly<Record<string, string>>,
): Promise<Running> {
  const up = twincached(['up', path], environment);
  t.after(async () => {
    // The first has it stop in order, the second at once.
    up.child.kill('SIGINT');
    up.child.kill('SIGINT');
    await up.ended();
  });
  await until('the welcome', () => up.stdout().includes('Your cluster runs'), 60_000);
  return up;
}
