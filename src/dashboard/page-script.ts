/**
 * The page's script, as the browser gets it. All formatting is done by the server; here texts are only put in their places, as
 * text, so that nothing that a service printed can become markup.
 */
export const PAGE_SCRIPT = `'use strict';
const connection = document.getElementById('connection');

function showCells(cells) {
  for (const [id, [text, mark]] of Object.entries(cells)) {
    const element = document.getElementById(id);
    if (element === null) continue;
    if (mark !== null) element.dataset.mark = mark;
    if (text !== null) element.textContent = text;
  }
}

function showEvents(events) {
  const items = events.map(([atMs, service, level, text]) => {
    const item = document.createElement('li');
    item.dataset.mark = level;
    const time = document.createElement('time');
    const at = new Date(atMs);
    time.dateTime = at.toISOString();
    time.textContent = at.toTimeString().slice(0, 8);
    const name = document.createElement('b');
    name.textContent = service;
    const words = document.createElement('span');
    words.textContent = text;
    item.append(time, ' ', name, ' ', words);
    return item;
  });
  document.getElementById('events').replaceChildren(...items.reverse());
}

function listen() {
  const stream = new EventSource('/events');
  stream.addEventListener('cells', (event) => {
    connection.dataset.mark = 'live';
    showCells(JSON.parse(event.data));
  });
  stream.addEventListener('log', (event) => showEvents(JSON.parse(event.data)));
  stream.addEventListener('error', () => {
    connection.dataset.mark = 'lost';
    // The browser tries again by itself unless it was refused, as when too many pages are open.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
}

document.addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.target;
  const { value } = event.submitter;
  // Not form.action: that is the buttons of that name.
  const path = form.getAttribute('action');
  const service = decodeURIComponent(path.slice(1));
  if (value !== 'start' && !confirm(value + ' ' + service + '?')) return;
  const body = new URLSearchParams(new FormData(form));
  body.set('action', value);
  const answer = await fetch(path, { method: 'POST', body, redirect: 'manual' });
  // A monitor that was started anew does not know this page's token.
  if (answer.status === 403) location.reload();
});

listen();
`;
