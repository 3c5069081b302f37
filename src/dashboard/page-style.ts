/** The page's style sheet: one column on a phone, cards side by side where there is room, light or dark as the reader's system is. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: light-dark(#f6f7f9, #14171b);
  --card: light-dark(#ffffff, #1d2228);
  --ink: light-dark(#1c2127, #e4e8ec);
  --faint: light-dark(#5b6570, #98a3ae);
  --line: light-dark(#d9dee3, #343b43);
  --good: light-dark(#1a7f4b, #4cc38a);
  --busy: light-dark(#9a6700, #e0b04c);
  --bad: light-dark(#c2292e, #ff7b72);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem; max-width: 80rem;
  background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif;
}
h1 { font-size: 1.3rem; margin: 0; }
h2 { font-size: 0.9rem; margin: 0 0 0.4rem; color: var(--faint); font-weight: 600; }
h3 { font-size: 1rem; margin: 0; display: flex; justify-content: space-between; gap: 0.5rem; }
.cluster { color: var(--faint); font-weight: 400; }
.summary { margin: 0.3rem 0 1rem; }
.state { --tone: var(--faint); color: var(--tone); font-weight: 600; }
.state::before { content: ''; display: inline-block; width: 0.6em; height: 0.6em; margin-right: 0.4em; border-radius: 50%; background: var(--tone); }
.state[data-mark=ok], .state[data-mark=running] { --tone: var(--good); }
.state[data-mark=degraded], .state[data-mark=starting], .state[data-mark=stopping], .state[data-mark=backing-off] { --tone: var(--busy); }
.state[data-mark=failing], .state[data-mark=gave-up] { --tone: var(--bad); }
#connection[data-mark=lost]::after { content: '· connection to the monitor lost'; color: var(--bad); }
dl { margin: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(5.8rem, 1fr)); gap: 0.35rem 0.6rem; }
dl div { min-width: 0; }
dt { color: var(--faint); font-size: 0.75rem; }
dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.totals { grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); padding: 0.8rem; background: var(--card); border: 1px solid var(--line); border-radius: 0.5rem; }
.totals dd { font-size: 1.15rem; font-weight: 600; }
main { margin-top: 1rem; }
.layer { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 0.8rem; }
.group { border: 1px dashed var(--line); border-radius: 0.6rem; padding: 0.6rem; }
.members { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); gap: 0.6rem; }
.flow { text-align: center; color: var(--faint); line-height: 1.8; }
article { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--line); border-radius: 0.5rem; padding: 0.7rem 0.8rem; min-width: 0; }
article[data-mark=running] { border-left-color: var(--good); }
article[data-mark=starting], article[data-mark=stopping], article[data-mark=backing-off] { border-left-color: var(--busy); }
article[data-mark=failing], article[data-mark=gave-up] { border-left-color: var(--bad); }
.address { margin: 0 0 0.5rem; color: var(--faint); font-size: 0.85rem; }
code, pre { font-family: ui-monospace, monospace; }
.reason { margin: 0 0 0.5rem; color: var(--faint); font-size: 0.85rem; overflow-wrap: anywhere; }
.reason[data-mark=failing], .reason[data-mark=gave-up], .reason[data-mark=backing-off] { color: var(--bad); }
.reason:empty, details:has(pre:empty) { display: none; }
details { margin-top: 0.5rem; }
summary { color: var(--faint); font-size: 0.85rem; cursor: pointer; }
pre { margin: 0.3rem 0 0; font-size: 0.75rem; color: var(--faint); white-space: pre-wrap; overflow-wrap: anywhere; }
form { margin-top: 0.6rem; display: flex; gap: 0.4rem; }
button { font: inherit; font-size: 0.85rem; padding: 0.25rem 0.7rem; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 0.35rem; cursor: pointer; }
button:hover { border-color: var(--ink); }
article[data-mark=running] button[value=start], article[data-mark=starting] button[value=start],
article[data-mark=failing] button[value=start], article[data-mark=stopped] button[value=stop],
article[data-mark=stopped] button[value=restart], article[data-mark=gave-up] button[value=restart] { display: none; }
section + section { margin-top: 1.5rem; }
#events { list-style: none; margin: 0; padding: 0; font-size: 0.85rem; }
#events li { padding: 0.2rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
#events time { color: var(--faint); font-variant-numeric: tabular-nums; }
#events li[data-mark=warning] span { color: var(--busy); }
#events li[data-mark=error] span { color: var(--bad); }
`;
