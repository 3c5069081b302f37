import { ControlError } from './control-error.ts';
import type { Cursor } from './cursor.ts';
import { type AlertTarget, EVENT_NAMES, type EventName, type MailFormat } from './tree.ts';

export const NO_FORMAT: MailFormat = { from: null, replyTo: null, subject: null, message: null };

/** `ADDRESS [[but] not on|on { event, ... }] [with mail-format { ... }] [with reminder on N cycles]`, behind `alert`. */
export function parseAlert(cursor: Cursor): AlertTarget {
  const { text: address, place } = cursor.expectString('a mail address or the URL of a web hook');
  if (!/^[^\s@]+@[^\s@]+$/.test(address) && !/^https?:\/\/\S+$/i.test(address))
    throw new ControlError(place, 'an alert goes to a mail address, or to a URL of http or https', address);
  let events: EventName[] | null = null;
  let isExclusion = false;
  let reminderCycles = 0;
  let format = NO_FORMAT;
  for (;;) {
    const token = cursor.peek();
    if (cursor.takeWord('not') !== null) isExclusion = true;
    else if (token.kind === 'brace' && token.text === '{') events = parseEvents(cursor);
    else if (cursor.takeWord('reminder') !== null) {
      reminderCycles = cursor.takeWhole()?.value ?? 1;
      cursor.takeWord('cycle', 'cycles');
    } else if (cursor.takeWord('mail-format') !== null) format = parseMailFormat(cursor);
    else return { address, events, isExclusion, reminderCycles, format };
  }
}

function parseEvents(cursor: Cursor): EventName[] {
  cursor.expectBrace('{');
  const events: EventName[] = [];
  while (!cursor.takeBrace('}')) {
    const word = cursor.expectWord(...EVENT_NAMES);
    const name = EVENT_NAMES.find((event) => event === word);
    if (name !== undefined) events.push(name);
  }
  return events;
}

/** `{ from: ... reply-to: ... subject: ... message: ... }`; the message goes up to the bracket. */
export function parseMailFormat(cursor: Cursor): MailFormat {
  const { place } = cursor;
  cursor.expectBrace('{');
  let text = cursor.takeUntil('}');
  cursor.expectBrace('}');
  const format = { from: '', replyTo: '', subject: '', message: '' };
  const keys: Readonly<Record<string, keyof typeof format>> = {
    from: 'from',
    'reply-to': 'replyTo',
    subject: 'subject',
    message: 'message',
  };
  while (text.trim() !== '') {
    const start = /^\s*(from|reply-to|subject|message)\s*:[ \t]*/i.exec(text);
    if (start === null)
      throw new ControlError(
        place,
        'a mail-format has from:, reply-to:, subject: and message:',
        text.trim().slice(0, 40),
      );
    text = text.slice(start[0].length);
    const key = keys[(start[1] ?? '').toLowerCase()] ?? 'message';
    const length =
      key === 'message'
        ? text.length
        : (/\n|\s(?=(from|reply-to|subject|message)\s*:)/i.exec(text)?.index ?? text.length);
    format[key] = text.slice(0, length).trim();
    text = text.slice(length);
  }
  return {
    from: format.from || null,
    replyTo: format.replyTo || null,
    subject: format.subject || null,
    message: format.message || null,
  };
}
