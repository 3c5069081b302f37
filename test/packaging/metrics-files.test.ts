/*
 * The files for Prometheus and Grafana ask for what a monitor exports: every metric and every label in their expressions is one that a scrape of a
 * pair of nodes has.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CacheNode } from 'twincached';
import { parse } from 'yaml';
import { z } from 'zod';
import type { ServiceStatus } from '../../src/checks/cluster-status.ts';
import { clusterMetrics } from '../../src/cluster/cluster-metrics.ts';
import { until } from '../../testing/wait.ts';

const PACKAGING = fileURLToPath(new URL('../../../packaging', import.meta.url));
const DASHBOARD = join(PACKAGING, 'grafana/twincached.json');
const ALERTS = join(PACKAGING, 'prometheus/twincached-alerts.yml');
const CONFIGURATION = join(PACKAGING, 'prometheus/prometheus.yml');

/** Prometheus' own metric of each target, and the labels that it adds itself. */
const OF_PROMETHEUS = { metric: 'up', labels: ['job', 'instance'] };

interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
}

/** An expression, and the texts that name labels of its result. */
interface Use {
  readonly where: string;
  readonly expression: string;
  readonly texts: readonly string[];
}

const first = new CacheNode({ replicationPort: 0, memoryBytesMax: 8 * 1024 * 1024 });
let second: CacheNode | null = null;
let samples: readonly Sample[] = [];

before(async () => {
  await first.start();
  second = new CacheNode({ twins: [first.replicationAddress], memoryBytesMax: 8 * 1024 * 1024 });
  await second.start();
  const services = [service('node-a', first.address), service('node-b', second.address)];
  samples = await until('a scrape of linked twins', async () => {
    const scraped = samplesOf(
      await clusterMetrics({
        cluster: 'pair',
        state: 'ok',
        atMs: 0,
        uptimeSeconds: 1,
        services,
        elsewhere: [],
        serving: {},
        moves: [],
        keyMoves: [],
        leftKeys: [],
        alerts: { sent: 1, failed: 0, lost: 0, waiting: 0 },
        operation: null,
        events: [],
        output: [],
      }),
    );
    return scraped.some(({ name }) => name === 'twincached_replication_peer_lag_seconds') ? scraped : null;
  });
});

after(async () => {
  await second?.stop();
  await first.stop();
});

function service(name: string, address: string): ServiceStatus {
  return {
    name,
    role: 'node',
    group: 'pair',
    title: '',
    sendsTo: [],
    address,
    state: 'running',
    reason: '',
    monitored: true,
    pid: process.pid,
    uptimeSeconds: 1,
    restarts: 0,
    probeMs: 1,
    process: { cpuPercent: 1, residentBytes: 1, threads: 1 },
    stats: null,
    proxy: null,
    shards: [],
    pools: [],
    findings: [],
  };
}

function samplesOf(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = ''] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? [];
      return { name, labels: new Map(pairsOf(labels).map(({ label, value }) => [label, value])) };
    });
}

function pairsOf(
  text: string,
): { readonly label: string; readonly operator: string; readonly value: string }[] {
  return [...text.matchAll(/(\w+)(=~|!=|!~|=)"([^"]*)"/g)].map(
    ([, label = '', operator = '', value = '']) => ({ label, operator, value }),
  );
}

function usesOfDashboard(): Use[] {
  const { panels, templating } = z
    .object({
      panels: z.array(
        z.object({
          title: z.string(),
          targets: z.array(z.object({ expr: z.string(), legendFormat: z.string() })).default([]),
        }),
      ),
      templating: z.object({
        list: z.array(z.object({ name: z.string(), definition: z.string().default('') })),
      }),
    })
    .parse(JSON.parse(readFileSync(DASHBOARD, 'utf8')));
  const ofPanels = panels.flatMap(({ title, targets }) =>
    targets.map(({ expr, legendFormat }) => ({
      where: `panel "${title}"`,
      expression: expr,
      texts: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label),
    })),
  );
  const ofVariables = templating.list.flatMap(({ name, definition }) => {
    const [, expression, label = ''] = /^label_values\((.*), (\w+)\)$/.exec(definition) ?? [];
    return expression === undefined ? [] : [{ where: `variable ${name}`, expression, texts: [label] }];
  });
  assert.equal(ofVariables.length, 2);
  return [...ofPanels, ...ofVariables];
}

function usesOfAlerts(): Use[] {
  const { groups } = z
    .object({
      groups: z.array(
        z.object({
          rules: z.array(
            z.object({ alert: z.string(), expr: z.string(), annotations: z.record(z.string(), z.string()) }),
          ),
        }),
      ),
    })
    .parse(parse(readFileSync(ALERTS, 'utf8')));
  return groups.flatMap(({ rules }) =>
    rules.map(({ alert, expr, annotations }) => ({
      where: `alert ${alert}`,
      expression: expr,
      texts: Object.values(annotations).flatMap((text) =>
        [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label),
      ),
    })),
  );
}

/** What is wrong with an expression, in words; nothing when all that it names is there. */
function faultsOf({ where, expression, texts }: Use): string[] {
  const faults: string[] = [];
  const known = new Set(OF_PROMETHEUS.labels);
  const selectors = [...expression.matchAll(/\b((?:mem|twin)cached_\w+|up)\b(?:\{([^}]*)\})?/g)];
  if (selectors.length === 0) faults.push(`${where} names no metric`);
  for (const [, name = '', selector = ''] of selectors) {
    const labelled = samples.filter((sample) => sample.name === name);
    if (labelled.length === 0 && name !== OF_PROMETHEUS.metric) faults.push(`${where}: no metric ${name}`);
    for (const { labels } of labelled) for (const label of labels.keys()) known.add(label);
    const wanted = pairsOf(selector).filter(({ label }) => label !== 'job');
    for (const { label } of wanted)
      if (!known.has(label)) faults.push(`${where}: ${name} has no label ${label}`);
    const exact = wanted.filter(({ operator }) => operator === '=');
    if (
      exact.length > 0 &&
      !labelled.some(({ labels }) => exact.every(({ label, value }) => labels.get(label) === value))
    )
      faults.push(`${where}: ${name} is never ${selector}`);
  }
  const grouped = [...expression.matchAll(/\b(?:by|without) ?\(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(/, */),
  );
  for (const label of [...grouped, ...texts])
    if (!known.has(label)) faults.push(`${where}: no label ${label}`);
  return faults;
}

test('every metric and label of the dashboard is exported', () => {
  const uses = usesOfDashboard();
  assert.ok(uses.length > 30, String(uses.length));
  assert.deepEqual(uses.flatMap(faultsOf), []);
});

test('every metric and label of the alerts is exported', () => {
  const uses = usesOfAlerts();
  assert.ok(uses.length > 10, String(uses.length));
  assert.deepEqual(uses.flatMap(faultsOf), []);
});

test('a metric, label or value that is not exported is found', () => {
  const faults = (expression: string, texts: readonly string[] = []): string[] =>
    faultsOf({ where: 'x', expression, texts });
  assert.deepEqual(faults('rate(memcached_nonsense_total[5m])'), ['x: no metric memcached_nonsense_total']);
  assert.deepEqual(faults('memcached_up{peer=~".*"}'), ['x: memcached_up has no label peer']);
  assert.deepEqual(faults('twincached_service_state{state="asleep"}'), [
    'x: twincached_service_state is never state="asleep"',
  ]);
  assert.deepEqual(faults('sum by (colour) (memcached_up)', ['peer']), [
    'x: no label colour',
    'x: no label peer',
  ]);
  assert.deepEqual(faults('vector(1)'), ['x names no metric']);
});

test('panels do not lie on each other', () => {
  const { panels } = z
    .object({
      panels: z.array(
        z.object({
          id: z.number(),
          gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
        }),
      ),
    })
    .parse(JSON.parse(readFileSync(DASHBOARD, 'utf8')));
  const taken = new Map<string, number>();
  for (const { id, gridPos } of panels)
    for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        assert.ok(x < 24 && !taken.has(`${x},${y}`), `panel ${id} and panel ${taken.get(`${x},${y}`)}`);
        taken.set(`${x},${y}`, id);
      }
});

test('the files are as Prometheus wants them', {
  skip: spawnSync('promtool', ['--version']).status === 0 ? false : 'promtool is not installed',
}, () => {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'config', CONFIGURATION], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, `${stdout}${stderr}`);
});
