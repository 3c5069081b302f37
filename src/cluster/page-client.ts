/** How a command speaks to a monitor's page. */
import { X509Certificate } from 'node:crypto';
import { type ClientRequest, type RequestOptions, request } from 'node:http';
import { connect, type TLSSocket } from 'node:tls';
import { StartError } from '../base/start-error.ts';
import { type MonitorRecord, runningMonitor } from './monitor-record.ts';

/** Longest answer that is read. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const ANSWER_TIMEOUT_MS = 10_000;

/** Whom to ask. */
export interface PageAt {
  readonly pagePort: number;
  /** What its monitor has left to be found by; null: a page on loopback that others may look at. */
  readonly record: MonitorRecord | null;
}

export interface PageAnswer {
  readonly code: number;
  readonly text: string;
}

/** @throws StartError when nobody answers, or somebody else */
export async function askPage(
  { pagePort: port, record }: PageAt,
  method: 'GET' | 'POST',
  path: string,
  body: string,
): Promise<PageAnswer> {
  const host = reachable(record?.pageAddress ?? '127.0.0.1');
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const options: RequestOptions = {
    host,
    port,
    method,
    path,
    timeout: ANSWER_TIMEOUT_MS,
    headers: {
      host: where,
      accept: 'application/json',
      ...(record === null ? {} : { authorization: `Bearer ${record.key}` }),
      ...(method === 'GET'
        ? {}
        : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length }),
    },
  };
  try {
    // It may have been renewed since: by what was asked for the last time.
    const certificate = (record === null ? null : now(record).pageCertificate) ?? null;
    if (certificate === null) return await exchange(request({ ...options, agent: false }), body);
    const socket = await securely(host, port, certificate);
    return await exchange(request({ ...options, createConnection: () => socket }), body);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ECONNREFUSED') throw new StartError(`no monitor runs at ${where}`, 1, { cause: error });
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(`${where}: ${reason}`, 1, { cause: error });
  }
}

/** A record as its monitor has written it last. */
function now(record: MonitorRecord): MonitorRecord {
  const found = runningMonitor(record.cluster, record.host ?? '');
  return found?.key === record.key ? found : record;
}

/** A page that listens everywhere is asked on loopback. */
function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  return address === '::' ? '::1' : address;
}

/** Nothing is said before it is known that the other side has the very certificate of the monitor, whoever has signed it and for whatever name. */
function securely(host: string, port: number, certificate: string): Promise<TLSSocket> {
  const { fingerprint256 } = new X509Certificate(certificate);
  return new Promise((fulfil, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false, timeout: ANSWER_TIMEOUT_MS });
    socket.once('secureConnect', () => {
      if (socket.getPeerCertificate().fingerprint256 === fingerprint256) fulfil(socket);
      else socket.destroy(new Error("what answers does not have the monitor's certificate"));
    });
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
  });
}

function exchange(asked: ClientRequest, body: string): Promise<PageAnswer> {
  return new Promise((fulfil, reject) => {
    asked.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > ANSWER_BYTES_MAX) asked.destroy(new Error('the answer is too long'));
      });
      response.on('end', () => fulfil({ code: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end(body);
  });
}
