import { openServer, type ServerAccess } from './server-door.ts';

/** Longest answer that is read. */
const ANSWER_BYTES_MAX = 64 * 1024;

/**
 * Asks a server of the cluster one thing over a connection of its own.
 *
 * @param address `host:port`, IPv6 in brackets or not
 * @param request in latin1
 * @param isWhole whether what has come is the whole answer
 * @param timeoutMs for the whole exchange
 * @param access what it wants before; not given: nothing
 * @returns the answer in latin1; null when none came. Never rejects
 */
export function askServer(
  address: string,
  request: string,
  isWhole: (text: string) => boolean,
  timeoutMs: number,
  access?: ServerAccess,
): Promise<string | null> {
  return new Promise((resolve) => {
    const [host, port] = addressParts(address);
    if (port === null) {
      resolve(null);
      return;
    }
    let text = '';
    const socket = openServer({ host, port, ...(access === undefined ? {} : { access }) }, (opened) => {
      opened.setEncoding('latin1');
      opened.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > ANSWER_BYTES_MAX) finish(null);
        else if (isWhole(text)) finish(text);
      });
      opened.write(request, 'latin1');
    });
    const finish = (answer: string | null): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(null), timeoutMs);
    socket.on('error', () => finish(null));
    socket.on('close', () => finish(null));
  });
}

/** Host and port of `host:port`, IPv6 in brackets or not; the port is null when it is none. */
export function addressParts(address: string): readonly [host: string, port: number | null] {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const port = Number(address.slice(colon + 1));
  return [host, Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : null];
}
