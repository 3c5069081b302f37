import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ConfirmDialog, type Intention } from './confirm.tsx';

/** How long a word on what was done stays; what has several lines stays until it is dismissed. */
const NOTICE_MS = 6000;

/**
 * What lies over a page whose buttons do something: the question before it, and the word on what became of it.
 *
 * @returns the elements, and how to ask
 */
export function useActions(): readonly [overlay: JSX.Element, onIntent: (intention: Intention) => void] {
  const [intention, setIntention] = useState<Intention | null>(null);
  const [text, setText] = useState<string | null>(null);
  useEffect(() => {
    if (text === null || text.includes('\n')) return undefined;
    const timer = setTimeout(() => setText(null), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const overlay = (
    <>
      {intention === null ? null : (
        <ConfirmDialog
          intention={intention}
          onEnd={(outcome) => {
            setIntention(null);
            if (outcome !== null) setText(outcome);
          }}
        />
      )}
      <div class="notice" role="status">
        {text === null ? null : (
          <p>
            <span>{text}</span>
            <button type="button" onClick={() => setText(null)} aria-label="Dismiss">
              ✕
            </button>
          </p>
        )}
      </div>
    </>
  );
  return [overlay, setIntention];
}

/** Said at the head of a page whose monitor is not heard. */
export function OfflineBadge({ isLive }: { readonly isLive: boolean }): JSX.Element | null {
  if (isLive) return null;
  return (
    <span class="badge" data-tone="failing" role="alert">
      no connection to the monitor
    </span>
  );
}
