import type { JSX } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

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
  const [isUp, setUp] = useState(false);

  // Before the next key: whoever types fast is already in the menu.
  useLayoutEffect(() => {
    if (!isOpen) return undefined;
    frame.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
    const closeOutside = (event: Event): void => {
      if (event.target instanceof Node && frame.current?.contains(event.target) === false) setOpen(false);
    };
    document.addEventListener('pointerdown', closeOutside);
    return () => document.removeEventListener('pointerdown', closeOutside);
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
          setUp(event.currentTarget.getBoundingClientRect().bottom > innerHeight - 40 * items.length - 20);
          setOpen(!isOpen);
        }}
      >
        {label}
        <span aria-hidden="true" class="arrow" />
      </button>
      {isOpen ? (
        <span role="menu" class={isUp ? 'items up' : 'items'} aria-label={hint ?? label}>
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
