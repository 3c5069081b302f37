import type { IncomingMessage } from 'node:http';

/** Reads a form; null when it is too large, or breaks off. What comes after the bound stays unread. */
export function readForm(request: IncomingMessage, bytesMax: number): Promise<URLSearchParams | null> {
  return new Promise((resolve) => {
    let text = '';
    request.setEncoding('latin1');
    request.on('data', (chunk: string) => {
      text += chunk;
      if (text.length <= bytesMax) return;
      request.pause();
      resolve(null);
    });
    request.on('end', () => resolve(new URLSearchParams(text)));
    request.on('error', () => resolve(null));
    // A client that goes away in the middle of its form: `end` never comes.
    request.on('close', () => resolve(null));
  });
}
