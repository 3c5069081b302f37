/*
 * The page of a monitor that runs monit's control file, in a real browser, over services that do nothing but keep what they were told.
 */
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { EMPTY_SAMPLE, figure } from '../../src/checks/sample.ts';
import { EntryServer } from '../../src/dashboard/entry-server.ts';
import { Browser, DESKTOP, NO_BROWSER, type PageSize, PHONE, type Visit } from '../../testing/browser.ts';
import { controlTree } from '../../testing/control-entries.ts';
import { FakeEntries } from '../../testing/fake-entries.ts';
import { freePorts } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';

const skip = NO_BROWSER;

let browser: Browser;
before(async () => {
  if (skip === false) browser = await Browser.start();
});
after(async () => {
  if (skip === false) await browser.stop();
});

async function open(
  t: TestContext,
  user: string,
  size: PageSize = DESKTOP,
  prepare: (entries: FakeEntries) => void = () => {},
): Promise<Visit & { readonly entries: FakeEntries }> {
  const [port = 0] = await freePorts(1);
  const tree = controlTree(
    `set httpd port ${port} use address 127.0.0.1 allow admin:sesame allow view:"sesame" readonly
     check process one with pidfile /one group server
     check process two with pidfile /two
     check host gateway with address 127.0.0.1 if failed port 1 then alert`,
  );
  const { httpd } = tree.settings;
  assert.ok(httpd !== null);
  const entries = new FakeEntries(tree.services);
  prepare(entries);
  const server = await EntryServer.start({ httpd, log: () => {} }, entries);
  const headers = { authorization: `Basic ${Buffer.from(`${user}:sesame`).toString('base64')}` };
  const visit = await browser.visit(`http://127.0.0.1:${port}`, size, 'light', headers);
  t.after(async () => {
    await visit.page.close();
    await server.stop();
  });
  return { ...visit, entries };
}

test('services are shown as they are, and the buttons ask before they act', { skip }, async (t) => {
  const { page, entries, assertClean } = await open(t, 'admin', DESKTOP, (prepared) => {
    const figures = { 'cpu-total': figure(null, 25), 'memory-total': figure(8 * 1024 * 1024) };
    prepared.different.set('two', { sample: { ...EMPTY_SAMPLE, exists: true, figures } });
  });
  await page.locator('#cluster-state', { hasText: '3 of 3 well' }).waitFor();
  const charts = page.locator('#charts');
  await charts.getByRole('combobox').selectOption('two');
  await charts.getByText('25.0 %').waitFor();
  await charts.getByText('8.0 MiB').waitFor();
  assert.deepEqual(await charts.getByRole('option').allTextContents(), ['all processes', 'one', 'two']);
  const choose = async (service: string, item: string): Promise<void> => {
    await page.getByRole('button', { name: `Actions on ${service}` }).click();
    await page.getByRole('menuitem', { name: `${item} …`, exact: true }).click();
    assert.deepEqual(entries.commands, []);
    await page
      .getByRole('dialog')
      .getByRole('button', { name: `${item} ${service}`, exact: true })
      .click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  };
  for (const [service, item, command] of [
    ['one', 'Restart', 'restart one'],
    ['two', 'Stop', 'stop two'],
    ['gateway', 'Stop watching', 'unmonitor gateway'],
  ] as const) {
    await choose(service, item);
    await until(command, () => entries.commands.includes(command));
    entries.commands.length = 0;
  }
  entries.different.set('one', {
    pid: null,
    statusText: 'Does not exist',
    failures: ['nonexist'],
    reason: 'it is gone',
  });
  await page
    .getByRole('region', { name: 'Needs attention' })
    .getByText('Does not exist: it is gone')
    .waitFor();
  await page.locator('#cluster-state', { hasText: '2 of 3 well' }).waitFor();
  await choose('one', 'Start');
  entries.different.clear();
  await page.locator('#cluster-state', { hasText: '3 of 3 well' }).waitFor();
  await page.getByRole('link', { name: 'one', exact: true }).click();
  await page.getByRole('button', { name: 'Restart service' }).click();
  await until('the classic button', () => entries.commands.includes('restart one'));
  assertClean();
});

test('a long reason takes several lines, and no column is pushed off the page', { skip }, async (t) => {
  const { page, assertClean } = await open(t, 'admin', DESKTOP, (entries) => {
    const reason = `failed protocol test at ${'/a/long/path'.repeat(20)}`;
    entries.different.set('two', { reason, statusText: 'Connection failed', failures: ['connection'] });
  });
  await page.getByRole('button', { name: 'Actions on two' }).waitFor();
  const edge = await page.getByRole('button', { name: 'Actions on two' }).boundingBox();
  assert.ok(edge !== null && edge.x + edge.width <= DESKTOP.width);
  assert.ok(Number(await page.evaluate('document.documentElement.scrollWidth')) <= DESKTOP.width);
  assertClean();
});

test('who may only look has no buttons; nothing becomes markup; it fits a phone', { skip }, async (t) => {
  const evil = '<img src=x onerror="window.broken=1">';
  const { page, assertClean } = await open(t, 'view', PHONE, (entries) => {
    entries.different.set('two', { reason: evil, statusText: evil, failures: ['connection'] });
    entries.happened = [{ sequence: 1, atMs: 0, service: 'two', level: 'error', text: evil }];
  });
  await page.getByText('view (may look)').waitFor();
  await page.locator('#log').getByText('onerror').waitFor();
  assert.equal(await page.getByRole('button', { name: /Actions/ }).count(), 0);
  assert.equal(await page.locator('img').count(), 0);
  assert.equal(await page.evaluate('window.broken'), undefined);
  assert.ok(Number(await page.evaluate('document.documentElement.scrollWidth')) <= PHONE.width);
  assertClean();
});
