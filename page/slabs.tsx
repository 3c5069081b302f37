import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { bytesText, countText, durationText, NOTHING } from '../src/dashboard/display-units.ts';
import type { PageSnapshot } from '../src/dashboard/page-snapshot.ts';
import type { SlabClass } from '../src/dashboard/slab-table.ts';
import { percentText } from './figures.ts';
import { Meter } from './marks.tsx';
import { Cell, type Column, Table } from './table.tsx';

const COLUMNS: readonly Column[] = [
  ['class', 'number'],
  ['chunk', 'number'],
  ['items', 'number'],
  ['pages', 'number'],
  ['chunks used', ''],
  ['wasted', 'number'],
  ['oldest', 'number'],
  ['evicted', 'number'],
  ['unread', 'number'],
  ['no memory', 'number'],
];

type Answer =
  | { readonly kind: 'asking' }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'classes'; readonly classes: readonly SlabClass[] };

/** How the memory of one node is used. */
export function Slabs({
  snapshot,
  newestAtMs,
}: {
  readonly snapshot: PageSnapshot;
  readonly newestAtMs: number;
}): JSX.Element {
  const nodes = snapshot.services.filter(({ role }) => role === 'node');
  const [chosen, setChosen] = useState('');
  const node = nodes.find(({ name }) => name === chosen) ?? nodes[0];
  return (
    <section id="slabs" class="card" aria-labelledby="slabs-title">
      <div class="title-row">
        <h2 id="slabs-title">Slabs</h2>
        {node === undefined ? null : (
          <label>
            {'of '}
            <select value={node.name} onChange={(event) => setChosen(event.currentTarget.value)}>
              {nodes.map(({ name }) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {node === undefined ? (
        <p class="empty">No nodes run on this host.</p>
      ) : (
        <SlabTable key={node.name} node={node.name} newestAtMs={newestAtMs} />
      )}
    </section>
  );
}

/** @param newestAtMs changes every few seconds, when it is time to look again */
export function SlabTable({
  node,
  newestAtMs,
}: {
  readonly node: string;
  readonly newestAtMs: number;
}): JSX.Element {
  const [answer, setAnswer] = useState<Answer>({ kind: 'asking' });
  // Each new point of charts asks again.
  useEffect(() => {
    const end = new AbortController();
    readSlabs(node, end.signal).then(setAnswer, () => {});
    return () => end.abort();
  }, [node, newestAtMs]);
  if (answer.kind === 'asking') return <p class="empty">Asking {node} …</p>;
  if (answer.kind === 'failed') return <p class="empty">{answer.why}</p>;
  const { classes } = answer;
  if (classes.length === 0) return <p class="empty">{node} holds nothing yet.</p>;
  return (
    <Table columns={COLUMNS}>
      <tbody>
        {classes.map((one) => (
          <tr key={one.id}>
            <th scope="row" class="number">
              {one.id}
            </th>
            <Cell label="chunk" isNumber>
              {bytesText(one.chunkBytes)}
            </Cell>
            <Cell label="items" isNumber>
              {countText(one.items)}
            </Cell>
            <Cell label="pages" isNumber>
              {countText(one.pages)}
            </Cell>
            <Cell label="chunks used">
              <Meter
                value={one.usedChunks}
                max={one.chunks}
                label={`${countText(one.usedChunks)} of ${countText(one.chunks)}`}
              />
            </Cell>
            <Cell label="wasted" isNumber>
              {wasted(one)}
            </Cell>
            <Cell label="oldest" isNumber>
              {one.ageSeconds === null ? NOTHING : durationText(one.ageSeconds)}
            </Cell>
            <Cell label="evicted" isNumber>
              {countText(one.evicted)}
            </Cell>
            <Cell label="unread" isNumber>
              {countText(one.evictedUnfetched)}
            </Cell>
            <Cell label="no memory" isNumber>
              {countText(one.outOfMemory)}
            </Cell>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

/** Of the chunks in use, what the items in them do not need. */
function wasted({ usedChunks, chunkBytes, itemBytes }: SlabClass): string {
  const room = usedChunks * chunkBytes;
  return room === 0 ? NOTHING : percentText(Math.max(0, ((room - itemBytes) * 100) / room));
}

async function readSlabs(node: string, signal: AbortSignal): Promise<Answer> {
  const answer = await fetch(`/slabs.json?${new URLSearchParams({ service: node })}`, { signal });
  if (!answer.ok) return { kind: 'failed', why: (await answer.text()).trim() };
  // Cast: our own server's answer, of the same release.
  const { classes } = (await answer.json()) as { readonly classes: readonly SlabClass[] | null };
  return classes === null
    ? { kind: 'failed', why: `${node} does not answer.` }
    : { kind: 'classes', classes };
}
