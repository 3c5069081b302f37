import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { RouteWorld } from '../../testing/route-world.ts';
import { KETAMA_8BIT_PLACEMENT, KETAMA_PLACEMENT, MODULO_PLACEMENT, type Placement } from './magent-plan.ts';

interface Case {
  readonly mode: string;
  readonly role: string;
  readonly servers: readonly string[];
  readonly map: string;
}

interface Vectors {
  readonly keys: readonly string[];
  readonly cases: readonly Case[];
}

// Compiled tests run from dist/src/routing.
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/magent.json', import.meta.url), 'utf8'),
);

const PLACEMENTS = new Map<string, Placement>([
  ['default', MODULO_PLACEMENT],
  ['useketama', KETAMA_PLACEMENT],
  ['-k', KETAMA_8BIT_PLACEMENT],
]);

/** Which server each key goes to, as the vectors write it, when it is asked for through the whole tree. */
function placed({ role, servers }: Case, placement: Placement): string {
  const named = servers.map((server) => (server.includes(':') ? server : `${server}:11211`));
  const backup = role === 'backup';
  const world = new RouteWorld({
    mains: backup ? 1 : named.length,
    backups: backup ? named.length : 0,
    names: backup ? ['127.0.0.1:1', ...named] : named,
    placement,
  });
  if (backup) world.servers[0]!.mode = 'refusing';
  world.start();
  const candidates = backup ? world.servers.slice(1) : world.servers;
  const client = world.client();
  return vectors.keys
    .map((key) => {
      for (const server of candidates) server.seen.length = 0;
      assert.equal(world.ask(client, Buffer.from(`get ${key}\r\n`).toString('latin1')), 'END\r\n');
      return candidates.findIndex((server) => server.seen.length > 0);
    })
    .join('');
}

for (const one of vectors.cases) {
  const placement = PLACEMENTS.get(one.mode);
  if (placement === undefined) continue;
  test(`keys go where magent sends them: ${one.mode}, ${one.role}, ${one.servers.length} servers`, () => {
    // The 9th to 10th server and so on have no digit of their own in the vectors.
    assert.ok(one.servers.length <= 10);
    assert.equal(placed(one, placement), one.map);
  });
}
