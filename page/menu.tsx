import type { JSX } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** In the window, so that no table that scrolls cuts it off. */
type Place = {
  readonly right: string;
  readonly top?: string;
  readonly bottom?: string;
};

/** Of the button, from which on its menu does not belong to it any more. */
const MOVED_PIXELS = 8;

/** Of an item, in pixels, about. */
const ITEM_HEIGHT = 42;

/** Below the button, or above it where there is no room. */
function placeBy(button: DOMRect, items: number): Place {
  const { clientWidth, clientHeight } = document.documentElement;
  const right = `${Math.max(4, clientWidth - button.right)}px`;
  const isRoom = button.bottom + items * ITEM_HEIGHT + 20 <= clientHeight;
  return isRoom
    ? { right, top: `${button.bottom + 4}px` }
    : { right, bottom: `${clientHeight - button.top + 4}px` };
}

/** A button that opens a list of buttons; arrows move in it, Escape closes it. */
export function Menu({
  label,
  hint,
  items,
}: {
  readonly label: string;
  /** What is read out instead of the label. */
  readonly hint?: string;
  readonly items: readonly (readonly [label: string, act: () => void])[];
}): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const frame = useRef<HTMLSpanElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const [place, setPlace] = useState<Place>({ right: '0' });

  // Before the next key: whoever types fast is already in the menu.
  useLayoutEffect(() => {
    if (!isOpen) return undefined;
    frame.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus({ preventScroll: true });
    const closeOutside = (event: Event): void => {
      if (event.target instanceof Node && frame.current?.contains(event.target) === false) setOpen(false);
    };
    const top = (): number => opener.current?.getBoundingClientRect().top ?? 0;
    const topThen = top();
    const closeMoved = (): void => {
      if (Math.abs(top() - topThen) > MOVED_PIXELS) setOpen(false);
    };
    document.addEventListener('pointerdown', closeOutside);
    // It stands where the button was.
    document.addEventListener('scroll', closeMoved, { capture: true, passive: true });
    addEventListener('resize', closeMoved);
    return () => {
      document.removeEventListener('pointerdown', closeOutside);
      document.removeEventListener('scroll', closeMoved, { capture: true });
      removeEventListener('resize', closeMoved);
    };
  }, [isOpen]);

  const close = (): void => {
    setOpen(false);
    opener.current?.focus();
  };
  const onKey = (event: KeyboardEvent): void => {
    if (!isOpen) return;
    if (event.key === 'Escape') {
      // A dialog around the menu must stay open.
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (event.key === 'Tab') setOpen(false);
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const all = [...(frame.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
      const { activeElement } = document;
      const at = activeElement instanceof HTMLElement ? all.indexOf(activeElement) : -1;
      all[(at + (event.key === 'ArrowDown' ? 1 : all.length - 1)) % all.length]?.focus();
    }
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the buttons inside
    <span ref={frame} class="menu" onKeyDown={onKey}>
      <button
        ref={opener}
        type="button"
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-label={hint}
        onClick={(event) => {
          setPlace(placeBy(event.currentTarget.getBoundingClientRect(), items.length));
          setOpen(!isOpen);
        }}
      >
        {label}
        <span aria-hidden="true" class="arrow" />
      </button>
      {isOpen ? (
        <span role="menu" class="items" style={place} aria-label={hint ?? label}>
          {items.map(([name, act]) => (
            <button
              key={name}
              type="button"
              role="menuitem"
              tabIndex={-1}
              onClick={() => {
                close();
                act();
              }}
            >
              {name}
            </button>
          ))}
        </span>
      ) : null}
    </span>
  );
}
