/*
 * The page of a real cluster in a real browser: a node is killed, another one is stopped and started by its buttons, and a key is looked up.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, NO_BROWSER, PHONE } from '../../testing/browser.ts';
import { freePortOffset } from '../../testing/free-port-offset.ts';
import { twincached } from '../../testing/processes.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

interface Service {
  readonly name: string;
  readonly pid: number;
}

test('a real cluster on the screen, while its nodes die and return', { skip: NO_BROWSER }, async (t) => {
  const portOffset = await freePortOffset();
  const up = twincached(['up', '--port-offset', String(portOffset), '--node-memory', '8']);
  t.after(async () => {
    up.child.kill('SIGINT');
    up.child.kill('SIGINT');
    await up.ended();
  });
  const [browser] = await Promise.all([
    Browser.start(),
    until('the welcome', () => up.stdout().includes('Your cluster runs'), 60_000),
  ]);
  t.after(() => browser.stop());
  const origin = `http://127.0.0.1:${2812 + portOffset}`;
  const { page, assertClean } = await browser.visit(origin);
  const box = (name: string, tone: string): Promise<void> =>
    page.locator(`a.box[data-service="${name}"][data-tone="${tone}"]`).waitFor();
  const inSync = (): Promise<true> =>
    until(
      'both pairs are in sync',
      async () => (await page.getByText('in sync', { exact: true }).count()) === 2 || null,
    );

  await inSync();
  const client = await TextClient.connect(12_000 + portOffset);
  assert.equal(await client.set('user:1', 'tom'), 'STORED');
  client.close();
  await page.getByLabel('Key', { exact: true }).fill('user:1');
  await page.getByRole('button', { name: 'Look' }).click();
  await until('equal copies', async () => {
    if ((await page.locator('.verdict[data-verdict="equal"]').count()) > 0) return true;
    await page.getByRole('button', { name: 'Look' }).click();
    return null;
  });
  assert.equal(await page.locator('.hops li').count(), 2, 'by way of two proxies');

  const answer = await fetch(`${origin}/status.json`);
  // Cast: our own program's answer; a wrong shape fails what follows.
  const { services } = (await answer.json()) as { readonly services: readonly Service[] };
  process.kill(services.find(({ name }) => name === 'node-1a')?.pid ?? 0, 'SIGKILL');
  await page.locator('#log li', { hasText: 'node-1a' }).filter({ hasText: 'SIGKILL' }).waitFor();
  await page.locator('#nodes tr[data-service="node-1a"] [data-label="restarts"]', { hasText: '1' }).waitFor();
  await box('node-1a', 'good');
  await inSync();

  const choose = async (item: string): Promise<void> => {
    await page.getByRole('button', { name: 'Actions on node-2b' }).click();
    await page.getByRole('menuitem', { name: `${item} …`, exact: true }).click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: `${item} node-2b`, exact: true })
      .click();
  };
  await choose('Stop');
  await box('node-2b', 'idle');
  await page.getByRole('region', { name: 'Needs attention' }).getByText('stopped').waitFor();
  assert.match((await page.locator('#cluster-state').textContent()) ?? '', /degraded/);
  await choose('Start');
  await box('node-2b', 'good');
  await inSync();
  await until('a point of a chart', async () => {
    const reading = await page.locator('#charts figcaption', { hasText: 'Memory' }).first().textContent();
    return /\d+(\.\d)? [KM]?i?B/.test(reading ?? '');
  });
  await page.getByRole('combobox', { name: 'of' }).last().selectOption('node-2b');
  // With figures everywhere, on a phone nothing is cut off.
  await page.setViewportSize(PHONE);
  assert.ok(Number(await page.evaluate('document.documentElement.scrollWidth')) <= PHONE.width);
  const cut = await page.evaluate(
    `[...document.querySelectorAll('main td, main th')].filter((cell) => cell.scrollWidth > cell.clientWidth + 1).map((cell) => cell.outerHTML)`,
  );
  assert.deepEqual(cut, []);
  assertClean();
});
