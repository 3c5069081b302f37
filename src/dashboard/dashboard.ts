import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { createSecureContext } from 'node:tls';
import { StartError } from '../base/start-error.ts';
import { TWINCACHED_VERSION } from '../base/version.ts';
import type { ClusterOperations, OrderAnswer } from '../checks/cluster-operation.ts';
import type { ClusterControl, ServiceStatus } from '../checks/cluster-status.ts';
import { SERVICE_COMMANDS, type ServiceCommand } from '../checks/service-machine.ts';
import type { ServerAccess } from '../net/server-door.ts';
import { askServer } from '../net/server-exchange.ts';
import { clusterEntries, clusterFacts } from './cluster-entries.ts';
import { CLUSTER_PATH, orderOf, targetText } from './cluster-form.ts';
import { entryAnswer } from './entry-answers.ts';
import { HttpAccess, OPEN_ACCESS } from './http-access.ts';
import { COMMON_HEADERS, plain, send } from './http-answer.ts';
import { LOGIN_STYLE } from './login-page.ts';
import { PageData } from './page-data.ts';
import { type PageFiles, pageFiles } from './page-files.ts';
import { type AuditRecord, askerText, PageGate, type PageReader } from './page-gate.ts';
import { pageShell } from './page-shell.ts';
import { isLoopbackAddress } from './request-origin.ts';

/** Sockets that may be open at a time. */
const CONNECTIONS_MAX = 64;

/** Of what has an address of its own for each release. */
const KEPT_HEADERS = { 'cache-control': 'private, max-age=604800' } as const;

/** The action that is no command of the supervisor's: nodes do it themselves. */
const FLUSH = 'flush';
const FLUSH_TIMEOUT_MS = 2000;

const PAGE_ADDRESS_DEFAULT = '127.0.0.1';

export interface DashboardOptions {
  /** Where it listens; loopback's first address unless given. */
  readonly address?: string;
  /** Who may see it; whoever reaches it unless given. */
  readonly access?: HttpAccess;
  /** Certificate chain and key, in PEM; plain HTTP unless given. */
  readonly tls?: { readonly cert: string; readonly key: string } | null;
  /** Is told of everything that somebody does by the page. */
  readonly audit?: (record: AuditRecord) => void;
  /** What Prometheus is told; not given: nothing. */
  readonly metrics?: () => Promise<string>;
  /** Who carries out orders to the whole cluster; not given: there are none. */
  readonly operations?: ClusterOperations;
  /** What a node wants before it answers; not given: nothing, as no node does. */
  readonly accessTo?: (service: string) => ServerAccess | undefined;
  /** Whoever shows it, as `Authorization: Bearer`, may do what the page may: the commands of who runs the cluster, who alone can read it. */
  readonly commandKey?: string;
}

/** The monitor's page, its JSON and its buttons. */
export class Dashboard {
  readonly #control: ClusterControl;
  readonly #options: DashboardOptions;
  readonly #server: Server;
  /** The same where it speaks TLS. */
  readonly #tlsServer: TlsServer | null;
  readonly #data: PageData;
  readonly #files: PageFiles = pageFiles('page');
  #gate: PageGate | null = null;

  constructor(control: ClusterControl, options: DashboardOptions = {}) {
    this.#control = control;
    this.#options = options;
    this.#data = new PageData(control, options.accessTo);
    const handler = (request: IncomingMessage, response: ServerResponse): void => {
      this.#handle(request, response).catch(() => response.destroy());
    };
    this.#tlsServer = options.tls == null ? null : tlsServer(options.tls, handler);
    this.#server = this.#tlsServer ?? createServer(handler);
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
    const { address: host = PAGE_ADDRESS_DEFAULT, tls, access, audit, commandKey } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const why = error.code === 'EADDRINUSE' ? 'it is in use' : error.message;
        reject(new StartError(`cannot open port ${port} for the status page: ${why}`, 1, { cause: error }));
      });
      this.#server.listen(port, host, () => {
        const address = this.#server.address();
        const opened = address !== null && typeof address === 'object' ? address.port : port;
        this.#data.start();
        this.#gate = new PageGate({
          access: access ?? new HttpAccess(OPEN_ACCESS),
          audit: audit ?? (() => {}),
          commandKey: commandKey ?? null,
          port: opened,
          isEncrypted: tls != null,
          isLoopback: isLoopbackAddress(host),
          cluster: this.#control.status().cluster,
          nowMs: () => Date.now(),
        });
        resolve(opened);
      });
    });
  }

  /**
   * Shows another certificate from the next connection on, where the page speaks TLS.
   *
   * @throws StartError when it cannot be used; the one before stays
   */
  useCertificate({ cert, key }: { readonly cert: string; readonly key: string }): void {
    try {
      // Looked at first: a server that has taken a wrong pair serves nobody.
      createSecureContext({ cert, key });
      this.#tlsServer?.setSecureContext({ cert, key });
    } catch (error) {
      throw unusable(error);
    }
  }

  /** Closes the port and all connections. */
  stop(): Promise<void> {
    this.#data.stop();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    const gate = this.#gate;
    if (gate === null) return plain(response, 503, 'Starting.');
    const path = pathOf(request.url ?? '/');
    if (path === '/_login' || path === '/_login.css' || path === '/_logout')
      return this.#logInOrOut(gate, path, request, response);
    const reader = gate.reader(request, response);
    if (reader === null) return;
    if (request.method === 'POST') return this.#act(gate, reader, path, request, response);
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return plain(response, 405, 'Only GET, HEAD and POST are known here.', { allow: 'GET, HEAD, POST' });
    switch (path) {
      case '/': {
        const beginning = this.#data.beginning(this.#options.operations !== undefined);
        const page = pageShell(beginning, this.#files, gate.token(reader));
        return send(response, 200, 'text/html; charset=utf-8', page, gate.cookie(reader));
      }
      case '/session.json':
        return send(response, 200, 'application/json', gate.readerJson(reader), gate.cookie(reader));
      case '/page.css':
        return send(response, 200, 'text/css; charset=utf-8', this.#files.style, KEPT_HEADERS);
      case '/page.js':
        return send(response, 200, 'text/javascript; charset=utf-8', this.#files.script, KEPT_HEADERS);
      case '/status.json': {
        const status = { version: TWINCACHED_VERSION, ...this.#control.status() };
        return send(response, 200, 'application/json', `${JSON.stringify(status, null, 2)}\n`);
      }
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
    const query = new URLSearchParams((request.url ?? '').replace(/^[^?]*/, ''));
    if (path === '/stream') {
      if (request.method === 'HEAD') return plain(response, 405, 'A stream has no head.', { allow: 'GET' });
      if (!this.#data.listen(response, COMMON_HEADERS, query))
        plain(response, 503, 'Too many pages are open.', { 'retry-after': '5' });
      return;
    }
    const status = this.#control.status();
    const entries = entryAnswer(path, query, clusterFacts(status), clusterEntries(status), status.atMs);
    if (entries !== null) return send(response, entries.code, entries.type, entries.text);
    const answer = await this.#data.answer(path, query);
    if (answer === null) return this.#toService(path.slice(1), status.services, response);
    if (answer.code !== 200) return plain(response, answer.code, answer.text);
    send(response, 200, 'application/json', `${JSON.stringify(answer.value)}\n`);
  }

  /** As monit has it, a service has a page by its name. */
  #toService(name: string, services: readonly ServiceStatus[], response: ServerResponse): void {
    if (!services.some((service) => service.name === name)) plain(response, 404, 'There is no such page.');
    else
      plain(response, 302, 'It is part of the page.', { location: `/#service/${encodeURIComponent(name)}` });
  }

  /** What is answered to those who are not known yet. */
  async #logInOrOut(
    gate: PageGate,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    if (!gate.isWelcome(request, response)) return;
    const isGet = request.method === 'GET' || request.method === 'HEAD';
    if (isGet && path === '/_login') return gate.showLogin(response);
    if (isGet && path === '/_login.css') return send(response, 200, 'text/css; charset=utf-8', LOGIN_STYLE);
    if (request.method === 'POST' && path === '/_login') return gate.login(request, response);
    if (request.method === 'POST' && path === '/_logout') return gate.logout(request, response);
    plain(response, 405, 'This method is not known here.', {
      allow: path === '/_logout' ? 'POST' : path === '/_login' ? 'GET, HEAD, POST' : 'GET, HEAD',
    });
  }

  /** POST /SERVICE with `action` and `securitytoken`, as monit has it; or POST /_cluster, see `cluster-form.ts`. */
  async #act(
    gate: PageGate,
    reader: PageReader,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const form = await gate.form(reader, path, request, response);
    if (form === null) return;
    const { fields, by } = form;
    if (path === CLUSTER_PATH) return this.#order(gate, by, fields, request, response);
    const service = path.slice(1);
    if (fields.get('action') === FLUSH) return this.#flush(gate, by, service, response);
    const action = commandNamed(fields.get('action'));
    if (action === null) {
      gate.audit(by, 'post', path, 'refused: no such action');
      return plain(response, 400, `The action must be one of ${SERVICE_COMMANDS.join(', ')}, ${FLUSH}.`);
    }
    if (!this.#control.command(service, action, askerText(by))) {
      gate.audit(by, action, service, 'refused: no such service, or everything is being stopped');
      return plain(response, 404, 'There is no service of that name.');
    }
    gate.audit(by, action, service, 'done');
    plain(response, 303, 'Done.', { location: '/' });
  }

  /** Empties a node, and by it its twins. */
  async #flush(gate: PageGate, by: PageReader, name: string, response: ServerResponse): Promise<void> {
    const node = this.#control.status().services.find((one) => one.name === name && one.role === 'node');
    if (node === undefined) {
      gate.audit(by, FLUSH, name, 'refused: no such node');
      return plain(response, 404, 'There is no node of that name.');
    }
    const answer = await askServer(
      node.address,
      'flush_all\r\n',
      (text) => text.endsWith('\r\n'),
      FLUSH_TIMEOUT_MS,
      this.#options.accessTo?.(name),
    );
    if (answer !== 'OK\r\n') {
      gate.audit(by, FLUSH, name, 'refused: the node did not do it');
      return plain(response, 409, `${name} answers: ${answer?.trimEnd() ?? 'nothing'}`);
    }
    this.#control.log(name, 'warning', `emptied with its twins, requested by ${askerText(by)}`);
    gate.audit(by, FLUSH, name, 'done');
    plain(response, 303, 'Done.', { location: '/' });
  }

  /** Programs that accept JSON get it; pages are sent back. */
  async #order(
    gate: PageGate,
    by: PageReader,
    form: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { operations } = this.#options;
    if (operations === undefined) return plain(response, 404, 'There is no such page.');
    const order = orderOf(form);
    if (typeof order === 'string') {
      gate.audit(by, 'post', CLUSTER_PATH, `refused: ${order}`);
      return plain(response, 400, order);
    }
    const answer = await operations.order(order, askerText(by));
    const outcome = answer.kind === 'refused' ? `refused: ${answer.reason}` : answer.kind;
    gate.audit(by, order.action, targetText(order), outcome);
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

function tlsServer(
  { cert, key }: { readonly cert: string; readonly key: string },
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): TlsServer {
  try {
    return createTlsServer({ cert, key }, handler);
  } catch (error) {
    throw unusable(error);
  }
}

function unusable(error: unknown): StartError {
  const why = error instanceof Error ? error.message : String(error);
  return new StartError(`the certificate or the key of the status page cannot be used: ${why}`);
}

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
