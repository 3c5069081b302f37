import type { ComponentChildren, JSX } from 'preact';
import { NOTHING } from '../src/dashboard/display-units.ts';

/** The name of a column, and `number` when figures stand in it. */
export type Column = readonly [name: string, kind: '' | 'number'];

/** A table that scrolls by itself where it is too wide. */
export function Table({
  columns,
  hasActions = false,
  children,
}: {
  readonly columns: readonly Column[];
  /** Whether there is a last column of buttons. */
  readonly hasActions?: boolean;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            {columns.map(([name, kind]) => (
              <th key={name} scope="col" class={kind}>
                {name}
              </th>
            ))}
            {hasActions ? (
              <th scope="col">
                <span class="unseen">actions</span>
              </th>
            ) : null}
          </tr>
        </thead>
        {children}
      </table>
    </div>
  );
}

/** A cell that carries the name of its column, which stands beside it where there is no room for columns. */
export function Cell({
  label,
  isNumber = false,
  children,
}: {
  readonly label: string;
  readonly isNumber?: boolean;
  readonly children: JSX.Element | string;
}): JSX.Element {
  return (
    <td
      data-label={label}
      class={isNumber ? 'number' : ''}
      data-empty={children === NOTHING ? '' : undefined}
    >
      {children}
    </td>
  );
}
