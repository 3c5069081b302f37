import { magentServer } from '../proxy/magent-addresses.ts';
import type { ProxyServer } from '../proxy/options.ts';
import { invalidValue } from './option-values.ts';

/**
 * A server as magent's `-s` and `-b` name it; see `magentServer`.
 *
 * @param spelling the option as typed, for the message
 * @returns the host in full where it is numeric, else the name
 * @throws StartError that names the option and the text
 */
export function serverAddress(spelling: string, text: string): ProxyServer {
  const server = magentServer(text);
  if (typeof server === 'string') throw invalidValue(spelling, text, server);
  return server;
}
