import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** How long a word on what was done stays; what has several lines stays until it is dismissed. */
const NOTICE_MS = 6000;

/** A place for a word on what was done, and how to say one. */
export function useNotice(): readonly [element: JSX.Element, tell: (text: string) => void] {
  const [text, setText] = useState<string | null>(null);
  useEffect(() => {
    if (text === null || text.includes('\n')) return undefined;
    const timer = setTimeout(() => setText(null), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const element = (
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
  );
  return [element, setText];
}
