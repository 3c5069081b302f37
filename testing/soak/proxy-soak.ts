/**
 * `npm run soak -- [MINUTES [REQUESTS_PER_S]]`: a proxy over twins under mixed load for long; its memory must not grow, and nothing
 * may fail. Without a rate it runs as fast as it can; with one it leaves the machine to others.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '../../src/base/random.ts';
import { freePorts } from '../processes.ts';
import { argumentsOf, positiveNumber, seedOf, wordsOf } from '../script-arguments.ts';
import { residentBytes, startNode, startProxy } from '../servers.ts';
import { TextClient } from '../text-client.ts';

const CLIENTS = 8;
const KEYS = 5000;
const VALUES: readonly string[] = ['x', 'v'.repeat(100), 'w'.repeat(4000), 'l'.repeat(200_000)];
/** A client leaves after so many requests, and another one comes. */
const REQUESTS_EACH = 2000;
/** Until then buffers and compiled code may grow. */
const WARM_SHARE = 0.2;
/** More than this beyond what it had when it was warm is a leak. */
const GROWTH_BYTES_MAX: number = 32 * 1024 * 1024;
const SAMPLE_MS = 5000;

const { minutes, requestsPerS, seed } = argumentsOf('soak', () => {
  const [minutes = '60', rate] = wordsOf(['MINUTES', 'REQUESTS_PER_S']);
  return {
    minutes: positiveNumber('MINUTES', minutes),
    requestsPerS: rate === undefined ? Number.POSITIVE_INFINITY : positiveNumber('REQUESTS_PER_S', rate),
    seed: seedOf(),
  };
});
process.stdout.write(`SEED=${seed}\n`);

const [first = 0, second = 0, replication = 0, front = 0] = await freePorts(4);
const twin = (port: number): readonly string[] => [
  '-p',
  `${port}`,
  '-x',
  '127.0.0.1',
  '-X',
  `${replication}`,
  '-m',
  '256',
];
const nodes = [await startNode(twin(first)), await startNode(twin(second))];
const proxy = await startProxy(front, ['-s', `127.0.0.1:${first}`, '-b', `127.0.0.1:${second}`, '-t', '2']);
const startMs = performance.now();
const endMs = startMs + minutes * 60_000;
let requests = 0;
const failures: string[] = [];

async function use(random = seededRandom(seed)): Promise<void> {
  while (performance.now() < endMs) {
    const client = await TextClient.connect(front);
    for (let i = 0; i < REQUESTS_EACH && performance.now() < endMs; i++, requests++) {
      const earlyMs = (requests * 1000) / requestsPerS - (performance.now() - startMs);
      if (earlyMs > 1) await delay(Math.min(earlyMs, 1000));
      const key = `k${random.below(KEYS)}`;
      const kind = random.below(10);
      const value = VALUES[random.below(kind === 0 ? VALUES.length : VALUES.length - 1)] ?? '';
      const reply =
        kind < 3
          ? await client.ask(`set ${key} 0 0 ${value.length}\r\n${value}`)
          : kind === 3
            ? await client.ask(`get ${Array.from({ length: 20 }, () => `k${random.below(KEYS)}`).join(' ')}`)
            : kind === 4
              ? await client.ask(`delete ${key}`)
              : await client.ask(`get ${key}`);
      if (/ERROR/.test(reply.slice(0, 40)) && failures.length < 20) failures.push(reply.slice(0, 100));
    }
    client.close();
  }
}

const samples: number[] = [];
const sampling = setInterval(() => {
  samples.push(residentBytes(proxy.process.pid));
  process.stdout.write(`${requests} requests, ${(samples.at(-1)! / 2 ** 20).toFixed(1)} MiB\n`);
}, SAMPLE_MS);
await Promise.all(Array.from({ length: CLIENTS }, (_, index) => use(seededRandom(seed + index))));
clearInterval(sampling);
const warm = Math.max(...samples.slice(0, Math.max(1, Math.ceil(samples.length * WARM_SHARE))));
const last = samples.at(-1) ?? 0;
for (const server of [proxy, ...nodes]) await server.process.kill();
const grown = last - warm;
process.stdout.write(
  `${requests} requests, ${failures.length} failed; memory ${(warm / 2 ** 20).toFixed(1)} MiB when warm, ${(last / 2 ** 20).toFixed(1)} MiB at the end\n`,
);
for (const failure of failures) process.stdout.write(`${failure}\n`);
process.exitCode = failures.length === 0 && grown <= GROWTH_BYTES_MAX ? 0 : 1;
