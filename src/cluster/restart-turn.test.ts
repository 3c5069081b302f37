import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TwinAddress } from '../monitor/service-definition.ts';
import { type MarkStore, RestartTurn } from './restart-turn.ts';

const NODES: readonly TwinAddress[] = ['a', 'b', 'c'].map((name) => ({ name, host: name, port: 1 }));

/** Nodes that have what the others have only after a while, and of which some do not answer. */
class Nodes implements MarkStore {
  readonly marks: Map<string, Set<string>> = new Map(NODES.map(({ host }) => [host, new Set()]));
  readonly #scheduler: fc.Scheduler;

  constructor(scheduler: fc.Scheduler) {
    this.#scheduler = scheduler;
  }

  async #turn(): Promise<void> {
    await this.#scheduler.schedule(Promise.resolve());
  }

  async read({ host }: { host: string }, keys: readonly string[]): Promise<readonly string[]> {
    await this.#turn();
    const found = keys.filter((key) => this.marks.get(host)?.has(key));
    await this.#turn();
    return found;
  }

  async write({ host }: { host: string }, key: string): Promise<void> {
    await this.#turn();
    this.marks.get(host)?.add(key);
    await this.#turn();
  }

  async remove({ host }: { host: string }, key: string): Promise<void> {
    await this.#turn();
    this.marks.get(host)?.delete(key);
    await this.#turn();
  }
}

function turnOf(name: string, store: MarkStore): RestartTurn {
  const node = NODES.find((one) => one.name === name);
  assert.ok(node !== undefined);
  return new RestartTurn(
    node,
    NODES.filter((other) => other !== node),
    store,
  );
}

test('of monitors that know nothing of each other one restarts at a time, and all come to their turn', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.shuffledSubarray(['a', 'b', 'c'], { minLength: 2 }),
      // A node that is away answers nobody.
      fc.constantFrom('', 'a', 'c'),
      async (scheduler, names, away) => {
        const store = new Nodes(scheduler);
        store.marks.delete(away);
        let holding = 0;
        let done = 0;
        const monitor = async (name: string): Promise<void> => {
          const turn = turnOf(name, store);
          while ((await turn.take()) !== null) await scheduler.schedule(Promise.resolve());
          holding += 1;
          assert.equal(holding, 1);
          await scheduler.schedule(Promise.resolve());
          holding -= 1;
          await turn.release();
          done += 1;
        };
        await scheduler.waitFor(Promise.all(names.map(monitor)));
        assert.equal(done, names.length);
        for (const marks of store.marks.values()) assert.equal(marks.size, 0);
      },
    ),
    { numRuns: 60 },
  );
});

test('who waits is told for whom, and who gives up before its turn leaves nothing', async () => {
  const marks = new Set<string>();
  const store: MarkStore = {
    read: (_, keys) => Promise.resolve(keys.filter((key) => marks.has(key))),
    write: (_, key) => Promise.resolve(void marks.add(key)),
    remove: (_, key) => Promise.resolve(void marks.delete(key)),
  };
  const b = turnOf('b', store);
  assert.equal(await b.take(), null);
  const a = turnOf('a', store);
  assert.equal(await a.take(), 'b');
  await a.release();
  assert.deepEqual([...marks], ['__twincached__.restarting.b:1']);
  await b.release();
  assert.deepEqual([...marks], []);
});
