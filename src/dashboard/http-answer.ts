import type { ServerResponse } from 'node:http';

/** Nothing is loaded from elsewhere, nothing is embedded elsewhere, no script stands in the page. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  // Not `no-referrer`: browsers would then hide the Origin of our own forms as well.
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Answers with one line of plain text. */
export function plain(
  response: ServerResponse,
  code: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  send(response, code, 'text/plain; charset=utf-8', `${text}\n`, headers);
}

/** Answers with a body and the headers that all answers have. */
export function send(
  response: ServerResponse,
  code: number,
  contentType: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(code, {
    ...COMMON_HEADERS,
    ...headers,
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
  });
  // For HEAD Node leaves the body out by itself.
  response.end(body);
}
