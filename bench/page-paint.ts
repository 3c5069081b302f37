/*
 * How long the monitor's page takes until there is something to see, and until the picture of the cluster stands: in Chromium, over loopback, each
 * time without anything kept from the visit before.
 *
 *     npm run bench-page -- [VISITS]
 */

import { Dashboard } from '../src/dashboard/dashboard.ts';
import { Browser, NO_BROWSER } from '../testing/browser.ts';
import { FakeCluster, serviceOf } from '../testing/fake-cluster.ts';

const VISITS = Number(process.argv[2] ?? 15);

/** Milliseconds from the beginning of the navigation. */
const MEASURED: readonly (readonly [name: string, expression: string])[] = [
  ['first paint', `performance.getEntriesByName('first-paint')[0].startTime`],
  ['first contentful paint', `performance.getEntriesByName('first-contentful-paint')[0].startTime`],
  ['the picture stands', `document.documentElement.dataset.drawnMs`],
];

if (NO_BROWSER !== false) throw new Error(NO_BROWSER);
const pairs = [1, 2, 3, 4].flatMap((pair) =>
  ['a', 'b'].map((twin) => serviceOf(`node-${pair}${twin}`, { group: `pair ${pair}` })),
);
const proxies = [1, 2, 3, 4].map((pair) =>
  serviceOf(`proxy-${pair}`, { role: 'proxy', sendsTo: [`node-${pair}a`, `node-${pair}b`] }),
);
const dashboard = new Dashboard(new FakeCluster([...pairs, ...proxies]));
const origin = `http://127.0.0.1:${await dashboard.start(0)}`;
const browser = await Browser.start();
try {
  const measured = MEASURED.map((): number[] => []);
  for (let visit = 0; visit < VISITS; visit++) {
    const { page } = await browser.visit(origin);
    await page.locator('a.box').first().waitFor();
    for (const [index, [, expression]] of MEASURED.entries())
      measured[index]?.push(Number(await page.evaluate(expression)));
    await page.close();
  }
  process.stdout.write(
    `${VISITS} visits of a page of ${pairs.length + proxies.length} services, milliseconds\n`,
  );
  for (const [index, [name]] of MEASURED.entries()) {
    const sorted = (measured[index] ?? []).sort((one, other) => one - other);
    const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(0);
    process.stdout.write(`${name.padEnd(24)} least ${at(0)}, median ${at(0.5)}, most ${at(1)}\n`);
  }
} finally {
  await browser.stop();
  await dashboard.stop();
}
