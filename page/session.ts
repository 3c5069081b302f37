/** Who looks at the page, and what they do to the cluster. */

/** As `/session.json` tells it. */
export interface Session {
  /** `` where there are no users. */
  readonly user: string;
  readonly role: 'admin' | 'read-only';
  readonly canLogOut: boolean;
  /** What a form must carry; null for those who may only look. */
  readonly token: string | null;
}

/** How a request to change something ended. */
export type ActionOutcome =
  | { readonly kind: 'done' }
  /** What would be done. */
  | { readonly kind: 'plan'; readonly lines: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Asks who looks at the page, at the address that the document names.
 *
 * @returns null when the monitor does not tell
 */
export async function readSession(): Promise<Session | null> {
  try {
    const answer = await fetch(document.documentElement.dataset['session'] ?? '/session.json');
    if (answer.status === 401 && document.documentElement.dataset['session'] === undefined)
      location.assign('/_login');
    if (!answer.ok) return null;
    // Cast: our own server's answer, of the same release.
    return (await answer.json()) as Session;
  } catch {
    return null;
  }
}

/**
 * Asks the monitor to do something.
 *
 * @param path `/SERVICE` or `/_cluster`
 * @param fields of the form, without the token
 */
export async function act(
  path: string,
  fields: readonly (readonly [string, string])[],
): Promise<ActionOutcome> {
  // A token ends with its session, and a monitor that was started anew has others; so each request gets one of its own.
  const session = await readSession();
  if (session === null) return { kind: 'refused', reason: 'the monitor does not answer' };
  if (session.token === null) return { kind: 'refused', reason: 'you may look, but not change anything' };
  const body = new URLSearchParams([
    ...fields.map(([name, value]) => [name, value]),
    ['securitytoken', session.token],
  ]);
  try {
    const answer = await fetch(path, {
      method: 'POST',
      body,
      redirect: 'manual',
      headers: path === '/_cluster' ? { accept: 'application/json' } : {},
    });
    // A redirection is the answer for pages without a script: it is done.
    if (answer.type === 'opaqueredirect') return { kind: 'done' };
    const text = await answer.text();
    if (answer.headers.get('content-type') === 'application/json') return orderOutcome(text);
    return answer.ok ? { kind: 'done' } : { kind: 'refused', reason: text.trim() };
  } catch {
    return { kind: 'refused', reason: 'the monitor does not answer' };
  }
}

function orderOutcome(text: string): ActionOutcome {
  const answer: { readonly kind?: unknown; readonly lines?: unknown; readonly reason?: unknown } =
    JSON.parse(text);
  if (answer.kind === 'begun') return { kind: 'done' };
  if (answer.kind === 'plan' && Array.isArray(answer.lines))
    return { kind: 'plan', lines: answer.lines.map(String) };
  return { kind: 'refused', reason: String(answer.reason ?? 'refused') };
}
