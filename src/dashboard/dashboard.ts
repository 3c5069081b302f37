import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { StartError } from '../base/start-error.ts';
import { TWINCACHED_VERSION } from '../base/version.ts';
import type { ClusterOperations, OrderAnswer } from '../checks/cluster-operation.ts';
import type { ClusterControl } from '../checks/cluster-status.ts';
import { SERVICE_COMMANDS, type ServiceCommand } from '../checks/service-machine.ts';
import { askerText, CLUSTER_PATH, orderOf } from './cluster-form.ts';
import { EventStream } from './event-stream.ts';
import { PageData } from './page-data.ts';
import { PAGE_SCRIPT } from './page-script.ts';
import { PAGE_STYLE } from './page-style.ts';
import { isLoopbackHost, isSameOrigin } from './request-origin.ts';
import { isBearer, SessionTokens } from './session-token.ts';
import { statusPage } from './status-page.ts';

/** Sockets that may be open at a time. */
const CONNECTIONS_MAX = 64;

/** Largest form that is read. */
export const FORM_BYTES_MAX = 4096;

/** Nothing is loaded from elsewhere, nothing is embedded elsewhere, no script stands in the page. */
const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  // Not `no-referrer`: browsers would then hide the Origin of our own forms as well.
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

export interface DashboardOptions {
  /** What Prometheus is told; not given: nothing. */
  readonly metrics?: () => Promise<string>;
  /** Who carries out orders to the whole cluster; not given: there are none. */
  readonly operations?: ClusterOperations;
  /** Whoever shows it, as `Authorization: Bearer`, may do what the page may: the commands of who runs the cluster, who alone can read it. */
  readonly commandKey?: string;
}

/** The monitor's page, its JSON and its buttons, on 127.0.0.1 only. */
export class Dashboard {
  readonly #control: ClusterControl;
  readonly #server: Server;
  readonly #stream: EventStream;
  readonly #data: PageData;
  readonly #options: DashboardOptions;
  #tokens: SessionTokens | null = null;

  constructor(control: ClusterControl, options: DashboardOptions = {}) {
    this.#control = control;
    this.#options = options;
    this.#stream = new EventStream(control);
    this.#data = new PageData(control);
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch(() => response.destroy());
    });
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.headersTimeout = 5000;
    this.#server.requestTimeout = 10_000;
    this.#server.keepAliveTimeout = 5000;
  }

  /**
   * Opens the port.
   *
   * @param port 0 for a free one
   * @returns the port
   * @throws StartError when it cannot be opened
   */
  start(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const why = error.code === 'EADDRINUSE' ? 'it is in use' : error.message;
        reject(new StartError(`cannot open port ${port} for the status page: ${why}`, 1, { cause: error }));
      });
      this.#server.listen(port, '127.0.0.1', () => {
        const address = this.#server.address();
        const opened = address !== null && typeof address === 'object' ? address.port : port;
        this.#tokens = new SessionTokens(opened);
        this.#data.start();
        resolve(opened);
      });
    });
  }

  /** Closes the port and all connections. */
  stop(): Promise<void> {
    this.#stream.close();
    this.#data.stop();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    if (!isLoopbackHost(request.headers.host))
      return plain(response, 421, 'This page is served to this machine only.');
    const path = pathOf(request.url ?? '/');
    if (request.method === 'POST') return this.#act(path, request, response);
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return plain(response, 405, 'Only GET, HEAD and POST are known here.', { allow: 'GET, HEAD, POST' });
    switch (path) {
      case '/':
        return this.#page(request, response);
      case '/page.css':
        return send(response, 200, 'text/css; charset=utf-8', PAGE_STYLE);
      case '/page.js':
        return send(response, 200, 'text/javascript; charset=utf-8', PAGE_SCRIPT);
      case '/status.json': {
        const status = { version: TWINCACHED_VERSION, ...this.#control.status() };
        return send(response, 200, 'application/json', `${JSON.stringify(status, null, 2)}\n`);
      }
      case '/events':
        if (request.method === 'HEAD') return plain(response, 405, 'A stream has no head.', { allow: 'GET' });
        if (!this.#stream.add(response, COMMON_HEADERS))
          plain(response, 503, 'Too many pages are open.', { 'retry-after': '5' });
        return;
      case '/metrics':
        if (this.#options.metrics === undefined) return plain(response, 404, 'There is no such page.');
        return send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', await this.#options.metrics());
      case '/_ping':
        return plain(response, 200, 'pong');
      default:
        return this.#answerData(path, request, response);
    }
  }

  async #answerData(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const query = new URL(request.url ?? '/', 'http://page').searchParams;
    if (path === '/stream') {
      if (request.method === 'HEAD') return plain(response, 405, 'A stream has no head.', { allow: 'GET' });
      if (!this.#data.listen(response, COMMON_HEADERS, query))
        plain(response, 503, 'Too many pages are open.', { 'retry-after': '5' });
      return;
    }
    const answer = await this.#data.answer(path, query);
    if (answer === null) return plain(response, 404, 'There is no such page.');
    if (answer.code !== 200) return plain(response, answer.code, answer.text);
    send(response, 200, 'application/json', `${JSON.stringify(answer.value)}\n`);
  }

  #page(request: IncomingMessage, response: ServerResponse): void {
    const tokens = this.#tokens;
    if (tokens === null) {
      plain(response, 503, 'Starting.');
      return;
    }
    const session = tokens.sessionOf(request.headers.cookie) ?? tokens.newSession();
    const page = statusPage(this.#control.status(), tokens.token(session));
    send(response, 200, 'text/html; charset=utf-8', page, { 'set-cookie': tokens.cookie(session) });
  }

  /** POST /SERVICE with `action` and `securitytoken`, as monit has it; or POST /_cluster, see `cluster-form.ts`. */
  async #act(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const tokens = this.#tokens;
    if (tokens === null || !isSameOrigin(request.headers, 'http'))
      return plain(response, 403, 'This request comes from another page.');
    const form = await readForm(request);
    if (form === null)
      return plain(response, 413, `A form has at most ${FORM_BYTES_MAX} bytes.`, { connection: 'close' });
    const { commandKey } = this.#options;
    const isCommand = commandKey !== undefined && isBearer(request.headers.authorization, commandKey);
    if (!isCommand && !tokens.isValid(tokens.sessionOf(request.headers.cookie), form.get('securitytoken')))
      return plain(response, 403, 'The security token is missing or not valid.');
    const by = askerText(isCommand ? (form.get('operator') ?? '') : null, request.socket.remoteAddress);
    if (path === CLUSTER_PATH) return this.#order(form, by, request, response);
    const action = commandNamed(form.get('action'));
    if (action === null)
      return plain(response, 400, `The action must be one of ${SERVICE_COMMANDS.join(', ')}.`);
    if (!this.#control.command(path.slice(1), action, by))
      return plain(response, 404, 'There is no service of that name.');
    plain(response, 303, 'Done.', { location: '/' });
  }

  /** Programs that accept JSON get it; pages are sent back. */
  async #order(
    form: URLSearchParams,
    by: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { operations } = this.#options;
    if (operations === undefined) return plain(response, 404, 'There is no such page.');
    const order = orderOf(form);
    if (typeof order === 'string') return plain(response, 400, order);
    const answer = await operations.order(order, by);
    if (request.headers.accept === 'application/json')
      return send(response, ANSWER_CODES[answer.kind], 'application/json', `${JSON.stringify(answer)}\n`);
    switch (answer.kind) {
      case 'begun':
        return plain(response, 303, 'Begun.', { location: '/' });
      case 'plan':
        return plain(response, 200, answer.lines.join('\n'));
      case 'refused':
        return plain(response, 409, answer.reason);
    }
  }
}

const ANSWER_CODES: Readonly<Record<OrderAnswer['kind'], number>> = { begun: 202, plan: 200, refused: 409 };

function commandNamed(name: string | null): ServiceCommand | null {
  return SERVICE_COMMANDS.find((command) => command === name) ?? null;
}

/** The decoded path without its query; a path that cannot be decoded is one that does not exist. */
function pathOf(url: string): string {
  try {
    return decodeURIComponent(url.split('?', 1)[0] ?? '/');
  } catch {
    return '';
  }
}

/** Reads a form; null when it is too large, or breaks off. What comes after the bound stays unread. */
function readForm(request: IncomingMessage): Promise<URLSearchParams | null> {
  return new Promise((resolve) => {
    let text = '';
    request.setEncoding('latin1');
    request.on('data', (chunk: string) => {
      text += chunk;
      if (text.length <= FORM_BYTES_MAX) return;
      request.pause();
      resolve(null);
    });
    request.on('end', () => resolve(new URLSearchParams(text)));
    request.on('error', () => resolve(null));
  });
}

function plain(
  response: ServerResponse,
  code: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  send(response, code, 'text/plain; charset=utf-8', `${text}\n`, headers);
}

function send(
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
