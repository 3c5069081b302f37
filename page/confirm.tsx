import type { JSX } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { act } from './session.ts';

/** Something to do to the cluster, and what is asked before. */
export interface Intention {
  /** What the button says: `Stop node-1a`. */
  readonly title: string;
  /** What will happen. */
  readonly consequence: string;
  readonly path: string;
  readonly fields: readonly (readonly [string, string])[];
  /** Whether something is lost or not served any more by it. */
  readonly isDangerous: boolean;
  /** What has to be typed first; null: nothing. */
  readonly typed: string | null;
}

/** Asks, does it, and says what became of it. */
export function ConfirmDialog({
  intention,
  onEnd,
}: {
  readonly intention: Intention;
  readonly onEnd: (outcome: string | null) => void;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [typed, setTyped] = useState('');
  const [failure, setFailure] = useState<string | null>(null);
  const { title, consequence, isDangerous, typed: wanted } = intention;

  useLayoutEffect(() => dialog.current?.showModal(), []);

  const carryOut = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    const outcome = await act(intention.path, intention.fields);
    setBusy(false);
    if (outcome.kind === 'refused') setFailure(outcome.reason);
    else onEnd(outcome.kind === 'plan' ? outcome.lines.join('\n') : `${title}: on its way`);
  };

  return (
    <dialog
      ref={dialog}
      class="confirm"
      aria-labelledby="confirm-title"
      aria-describedby="confirm-text"
      onClose={() => onEnd(null)}
    >
      <form onSubmit={carryOut}>
        <h2 id="confirm-title">{title}?</h2>
        <p id="confirm-text">{consequence}</p>
        {wanted === null ? null : (
          <label>
            {'Type '}
            <b>{wanted}</b>
            {' to go on'}
            <input
              value={typed}
              onInput={(event) => setTyped(event.currentTarget.value)}
              autocomplete="off"
              spellcheck={false}
            />
          </label>
        )}
        {failure === null ? null : (
          <p class="failure" role="alert">
            {failure}
          </p>
        )}
        <div class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button
            type="submit"
            class={isDangerous ? 'danger' : 'primary'}
            disabled={isBusy || (wanted !== null && typed !== wanted)}
          >
            {isBusy ? 'One moment …' : title}
          </button>
        </div>
      </form>
    </dialog>
  );
}
