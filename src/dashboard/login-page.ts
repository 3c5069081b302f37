import { htmlDocument } from './html-document.ts';
import { escapeHtml } from './html-text.ts';

/** The style of the page where one logs in; it needs nothing of the others. */
export const LOGIN_STYLE = `
:root { color-scheme: light dark; }
body { margin: 15vh auto 0; padding: 1rem; max-width: 20rem; background: light-dark(#f6f7f9, #14171b); color: light-dark(#1c2127, #e4e8ec); font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.3rem; } form { display: grid; gap: 0.8rem; } label { display: grid; gap: 0.2rem; }
input, button { font: inherit; color: inherit; padding: 0.4rem 0.6rem; background: light-dark(#ffffff, #1d2228); border: 1px solid light-dark(#98a3ae, #5b6570); border-radius: 0.35rem; }
button { cursor: pointer; } [role=alert] { color: light-dark(#c2292e, #ff7b72); }
`;

/** @param failure why the last try did not succeed; null: this is the first */
export function loginPage(cluster: string, failure: string | null): string {
  return htmlDocument({
    title: `${cluster} – twincached`,
    style: '/_login.css',
    body: `<main>
<h1>twincached ${escapeHtml(cluster)}</h1>
${failure === null ? '' : `<p role="alert">${escapeHtml(failure)}</p>`}
<form method="post" action="/_login">
<label>Name <input name="name" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>
</main>`,
  });
}
