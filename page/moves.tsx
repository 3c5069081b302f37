import type { JSX } from 'preact';
import type { LeftKeys } from '../src/checks/key-moves.ts';
import { countText } from '../src/dashboard/display-units.ts';
import { type MoveView, moveViews } from '../src/dashboard/move-view.ts';
import type { PageSnapshot } from '../src/dashboard/page-snapshot.ts';
import { Mark } from './marks.tsx';

/** Keys that are on their way from one shard to another, and what they have left behind; nothing at all when they lie still. */
export function Moves({ snapshot }: { readonly snapshot: PageSnapshot }): JSX.Element | null {
  const views = moveViews(snapshot);
  const { leftKeys } = snapshot;
  if (views.length === 0 && leftKeys.length === 0) return null;
  return (
    <section class="moves" aria-label="Keys on their way">
      {views.map((view) => (
        <Move key={view.pool} view={view} />
      ))}
      {leftKeys.map((left) => (
        <Left key={left.place} left={left} />
      ))}
    </section>
  );
}

function Move({ view }: { readonly view: MoveView }): JSX.Element {
  const { pool, from, to, phase, percent, progress, counts, warning } = view;
  return (
    <div class="operation" data-move={pool} data-phase={phase} data-tone="busy">
      <p>
        <Mark tone="busy" />
        <b>{`Keys of ${pool}`}</b>
        <span>{`${from} → ${to}`}</span>
        <small>{progress}</small>
      </p>
      {percent === null ? null : (
        <span class="move-time">
          <progress value={percent} max={100} aria-label={`Time of the move of ${pool}`} />
          <small class="number">{`${Math.round(percent)} % of the time`}</small>
        </span>
      )}
      {counts.map((text) => (
        <small key={text} class="number">
          {text}
        </small>
      ))}
      {warning === null ? null : <small>{warning}</small>}
    </div>
  );
}

function Left({ left: { place, looked, deleted, failure } }: { readonly left: LeftKeys }): JSX.Element {
  const tone = failure === null ? 'busy' : 'bad';
  return (
    <div class="operation" data-left={place} data-tone={tone}>
      <p>
        <Mark tone={tone} />
        <b>{place}</b>
        <span>
          {failure === null
            ? 'gets rid of keys that have moved away'
            : 'cannot get rid of keys that have moved away'}
        </span>
        <small>{failure ?? `${countText(looked)} items looked at, ${countText(deleted)} deleted`}</small>
      </p>
    </div>
  );
}
