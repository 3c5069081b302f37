import type { JSX } from 'preact';
import type { Session } from './session.ts';

/** Who looks at the page; nothing where there are no users. */
export function UserName({ session }: { readonly session: Session | null }): JSX.Element | null {
  if (session === null || session.user === '') return null;
  return (
    <span>
      {session.user}
      {session.role === 'read-only' ? ' (may look)' : ''}
    </span>
  );
}
