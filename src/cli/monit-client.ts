import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { StartError } from '../base/start-error.ts';
import type { Httpd } from '../control/tree.ts';

const ANSWER_TIMEOUT_MS = 10_000;

/** Longest answer that is read. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

interface Answer {
  readonly code: number;
  readonly text: string;
  readonly cookie: string | null;
}

/** The command line's way to the daemon: its own http interface, as the first user who may do anything. */
export class MonitClient {
  readonly #httpd: Httpd;

  /** @throws StartError when the control file opens no way */
  constructor(httpd: Httpd | null) {
    if (httpd === null)
      throw new StartError(
        "Monit: the http interface is not enabled. Please add the 'set httpd' statement to use the status and service commands",
      );
    this.#httpd = httpd;
  }

  /** @returns the text of a page. @throws StartError with what the daemon has against it */
  async get(path: string): Promise<string> {
    return checked(await this.#ask('GET', path, null, null));
  }

  /** Gives a command for some services. */
  async command(names: readonly string[], action: string): Promise<void> {
    const { cookie, ...answer } = await this.#ask('GET', '/_ping', null, null);
    checked(answer);
    const token = /securitytoken=([0-9a-f]+)/.exec(cookie ?? '')?.[1] ?? '';
    const form = new URLSearchParams([
      ['securitytoken', token],
      ['action', action],
      ...names.map((name): [string, string] => ['service', name]),
    ]);
    checked(await this.#ask('POST', '/_doaction', form.toString(), `securitytoken=${token}`));
  }

  #ask(method: string, path: string, body: string | null, cookie: string | null): Promise<Answer> {
    const { port, address, unixSocket, pemFile, users } = this.#httpd;
    const user = users.find(({ isReadOnly }) => !isReadOnly) ?? users[0];
    const host = address === null || address === '0.0.0.0' || address === '::' ? '127.0.0.1' : address;
    const options = {
      ...(port === null ? { socketPath: unixSocket?.path ?? '' } : { host, port }),
      method,
      path,
      timeout: ANSWER_TIMEOUT_MS,
      rejectUnauthorized: false,
      headers: {
        ...(user === undefined
          ? {}
          : { authorization: `Basic ${Buffer.from(`${user.name}:${user.password}`).toString('base64')}` }),
        ...(cookie === null ? {} : { cookie }),
        ...(body === null
          ? {}
          : {
              'content-type': 'application/x-www-form-urlencoded',
              'content-length': Buffer.byteLength(body),
            }),
      },
    };
    return new Promise((resolve, reject) => {
      const isTls = pemFile !== null && port !== null;
      const call = (isTls ? requestTls : request)(options, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > ANSWER_BYTES_MAX) call.destroy(new Error('the answer is too long'));
        });
        response.on('end', () =>
          resolve({
            code: response.statusCode ?? 0,
            text,
            cookie: response.headers['set-cookie']?.join('; ') ?? null,
          }),
        );
        response.on('error', (error) => reject(new StartError(`Monit: ${error.message}`)));
      });
      call.on('timeout', () => call.destroy(new Error('no answer from the daemon')));
      call.on('error', (error) =>
        reject(new StartError(`Cannot connect to the monit daemon: ${error.message}`)),
      );
      if (body !== null) call.write(body);
      call.end();
    });
  }
}

function checked({ code, text }: Pick<Answer, 'code' | 'text'>): string {
  if (code === 200) return text;
  const reason = /<\/h2>([^<]*)/.exec(text)?.[1]?.trim() ?? `HTTP status ${code}`;
  const plain = reason
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
  throw new StartError(plain);
}
