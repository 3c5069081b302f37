import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether the address bar names this machine. A page on the internet can let its own name resolve to 127.0.0.1 and would
 * then be of the "same origin" as ours (DNS rebinding); but its requests carry its name. Ports are not compared, so that a tunnel may end anywhere.
 */
export function isLoopbackHost(host: string | undefined): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host ?? '');
}

/** Whether an address that is listened on is reached from this machine alone. */
export function isLoopbackAddress(address: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1)$/i.test(address);
}

/**
 * Whether a request that changes something was made by our own page, as far as the browser tells. Programs send none of
 * these headers and are judged by their token alone.
 *
 * @param scheme by which the request came: the origin of a page served over TLS begins with `https`
 */
export function isSameOrigin(headers: IncomingHttpHeaders, scheme: 'http' | 'https'): boolean {
  const { origin, host } = headers;
  if (origin !== undefined && origin !== `${scheme}://${host ?? ''}`) return false;
  const site = headers['sec-fetch-site'];
  return site === undefined || site === 'same-origin';
}
