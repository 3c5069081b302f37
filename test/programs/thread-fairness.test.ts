import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FairnessOrder, FairnessReport } from '../../testing/load/fairness-worker.ts';
import { reportOf } from '../../testing/load/worker-report.ts';
import { startNode, TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';

const MIB = 1024 * 1024;
const CLIENTS = 16;
/**
 * Requests that the least served client must have had for each request of the best served one. The kernel shares the processors
 * among the threads, so this is wide; a client that waits until a pipeliner is done gets a small part of it.
 */
const LEAST_SHARE = { alone: 1 / 10, besidePipeliners: 1 / 200 } as const;

/**
 * What pipeliners may have had executed for each answer of the least served client: some turns of theirs (256 KiB each), because the clients are
 * one thread that also reads the pipeliners' replies.
 */
const PIPELINED_PER_ANSWER_MAX = 8 * MIB;

/** The least served client's part of what the best served one got. */
function leastShare(answers: readonly number[]): number {
  return Math.min(...answers) / Math.max(...answers);
}

for (const transport of TRANSPORTS) {
  test(`${transport}: no client of four threads starves, beside pipeliners and the crawler neither`, async (t) => {
    const node = await startNode(['-t', '4', '-m', '32'], transport);
    t.after(() => node.process.kill('SIGKILL'));
    const admin = await TextClient.connect(node.port);
    // For the crawler to walk over.
    for (let i = 0; i < 20_000; i += 500)
      await admin.ask(
        `${Array.from({ length: 500 }, (_, j) => `set walk${i + j} 0 ${1 + (j % 100)} 1 noreply\r\nx\r\n`).join('')}version`,
      );
    const run = (order: Omit<FairnessOrder, 'port' | 'clients'>): Promise<FairnessReport> =>
      reportOf('fairness-worker.js', { port: node.port, clients: CLIENTS, ...order });

    const alone = await run({ pipeliners: 0, answersMax: 1000, pipelinedBytes: 0 });
    t.diagnostic(`alone: ${alone.answers.join(' ')}`);
    assert.ok(leastShare(alone.answers) >= LEAST_SHARE.alone, `alone: ${alone.answers.join(' ')}`);

    let isOver = false;
    const beside = run({ pipeliners: 2, answersMax: 500, pipelinedBytes: 8 * MIB }).finally(() => {
      isOver = true;
    });
    let crawls = 0;
    const crawl = async (): Promise<void> => {
      while (!isOver) {
        if ((await admin.ask('lru_crawler crawl all')) === 'OK\r\n') crawls++;
      }
    };
    const [{ answers, pipelined }] = await Promise.all([beside, crawl()]);
    const figures = `beside pipeliners: ${answers.join(' ')}; ${JSON.stringify(pipelined)}; ${crawls} crawls`;
    t.diagnostic(figures);
    assert.ok(leastShare(answers) >= LEAST_SHARE.besidePipeliners, figures);
    const sentByAll = pipelined.reduce((sum, { sent }) => sum + sent, 0);
    assert.ok(sentByAll / Math.min(...answers) <= PIPELINED_PER_ANSWER_MAX, figures);
    for (const { sent, received } of pipelined) assert.ok(received > sent, figures);
    assert.ok(crawls > 0, figures);
    admin.close();
    assert.equal(await node.process.kill(), 0);
  });
}
