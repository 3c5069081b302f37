import { chmodSync, chownSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import { createSecureContext } from 'node:tls';
import { StartError } from '../base/start-error.ts';
import type { EntryControl, EntryStatus } from '../checks/entry-status.ts';
import { SERVICE_COMMANDS, type ServiceCommand } from '../checks/service-machine.ts';
import { nameKey } from '../control/meaning.ts';
import type { Httpd } from '../control/tree.ts';
import { identityToBecome } from '../system/users.ts';
import { controlAccess } from './control-access.ts';
import { entryAnswer } from './entry-answers.ts';
import { EntryHistory } from './entry-history.ts';
import { aboutPage, ENTRY_STYLE, indexPage, logPage, runtimePage, servicePage } from './entry-page.ts';
import { MONIT_VERSION } from './entry-text.ts';
import { type EntryView, entryView } from './entry-view.ts';
import { fileEnd } from './file-end.ts';
import { escapeHtml } from './html-text.ts';
import type { AccessDecision, HttpAccess } from './http-access.ts';
import { namesMeant } from './name-pattern.ts';
import { pageFiles } from './page-files.ts';
import { PAGE_STYLE } from './page-style.ts';
import { readForm } from './request-form.ts';
import { isSameOrigin } from './request-origin.ts';
import { SecurityTokens } from './session-token.ts';

/** Sockets that may be open at a time. */
const CONNECTIONS_MAX = 64;

/** Largest form that is read; a command for a thousand services fits. */
export const ENTRY_FORM_BYTES_MAX: number = 256 * 1024;

/** How much of the log a page shows. */
const LOG_BYTES_SHOWN = 64 * 1024;

/** Services that a line of the log names. */
const NAMES_LOGGED_MAX = 20;

const NO_PRIVILEGES = 'You do not have sufficient privileges to access this page';

export interface EntryServerOptions {
  readonly httpd: Httpd;
  readonly log: (level: 'info' | 'warning' | 'error', text: string) => void;
}

type Granted = Extract<AccessDecision, { readonly kind: 'granted' }>;

/** Monit's page and its paths for programs, over HTTP on a port, on a unix socket, or on both. */
export class EntryServer {
  #options: EntryServerOptions;
  #access: HttpAccess;
  readonly #tokens: SecurityTokens = new SecurityTokens();
  readonly #servers: Server[] = [];
  readonly #history: EntryHistory = new EntryHistory();
  #control: EntryControl;

  private constructor(options: EntryServerOptions, access: HttpAccess, control: EntryControl) {
    this.#options = options;
    this.#access = access;
    this.#control = control;
  }

  /**
   * Opens what `set httpd` says.
   *
   * @param access by it; not given: it is read now
   * @throws StartError when a port cannot be opened
   */
  static async start(
    options: EntryServerOptions,
    control: EntryControl,
    access?: HttpAccess,
  ): Promise<EntryServer> {
    const { httpd, log } = options;
    const own = access ?? (await controlAccess(httpd, (text) => log('warning', text)));
    const server = new EntryServer(options, own, control);
    try {
      const { port, address, unixSocket } = httpd;
      if (port !== null)
        await server.#listen({ port, ...(address === null ? {} : { host: address }) }, `port ${port}`);
      if (unixSocket !== null) await server.#listenUnix(unixSocket);
      server.#history.start(() => server.#control);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /**
   * After a reload that leaves `set httpd` as it is: names are asked for, and passwords and the certificate read, again.
   *
   * @param log from now on
   * @param control for whom it speaks from now on
   * @param access from now on; not given: it is read now
   * @throws StartError when something cannot be read; it goes on as before
   */
  async renew(log: EntryServerOptions['log'], control: EntryControl, access?: HttpAccess): Promise<void> {
    const { httpd } = this.#options;
    const own = access ?? (await controlAccess(httpd, (text) => log('warning', text)));
    const { pemFile } = httpd;
    if (pemFile !== null) {
      const certificate = certificateIn(pemFile);
      for (const server of this.#servers)
        if (server instanceof TlsServer) server.setSecureContext(certificate);
    }
    this.#options = { httpd, log };
    this.#access = own;
    this.#control = control;
  }

  async stop(): Promise<void> {
    this.#history.stop();
    await Promise.all(
      this.#servers.splice(0).map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
    );
  }

  async #listenUnix({ path, permission, user, group }: NonNullable<Httpd['unixSocket']>): Promise<void> {
    try {
      unlinkSync(path);
    } catch {
      // It was not there.
    }
    await this.#listen({ path }, path);
    const { uid = null, gid = null } = identityToBecome(user, group) ?? {};
    const { uid: ownUid, gid: ownGid } = statSync(path);
    if (uid !== null || gid !== null)
      chownSync(path, uid ?? ownUid, group === null ? ownGid : (gid ?? ownGid));
    if (permission !== null) chmodSync(path, Number.parseInt(permission, 8));
  }

  #listen(where: { port?: number; host?: string; path?: string }, name: string): Promise<void> {
    const handler = (request: IncomingMessage, response: ServerResponse): void => {
      this.#handle(request, response).catch(() => response.destroy());
    };
    let server: Server;
    const { pemFile } = this.#options.httpd;
    if (pemFile !== null && where.path === undefined) {
      server = createTlsServer(certificateIn(pemFile), handler);
    } else server = createServer(handler);
    server.maxConnections = CONNECTIONS_MAX;
    server.headersTimeout = 5000;
    server.requestTimeout = 10_000;
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const why = error.code === 'EADDRINUSE' ? 'it is in use' : error.message;
        reject(new StartError(`cannot open ${name} for the http interface: ${why}`, 1, { cause: error }));
      });
      server.listen(where, () => {
        // Such as no memory for one more connection.
        server.on('error', (error) => this.#options.log('error', `http interface: ${error.message}`));
        this.#servers.push(server);
        resolve();
      });
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    const address = request.socket.remoteAddress ?? null;
    const decision = this.#access.decide(address, request.headers.authorization, performance.now());
    switch (decision.kind) {
      case 'refused-host':
        this.#options.log('error', `HttpRequest: access denied -- client [${address}]`);
        return this.#error(response, 403, 'You are not authorized to access monit from this host.');
      case 'too-many-failures':
        return this.#error(response, 429, 'Too many wrong passwords; wait a minute.', {
          'retry-after': '60',
        });
      case 'unauthorized':
        if (decision.isWrong)
          this.#options.log(
            'error',
            `HttpRequest: access denied -- client [${address}]: wrong user or password`,
          );
        return this.#error(response, 401, 'You are not authorized to access monit.', {
          'www-authenticate': 'Basic realm="monit"',
        });
      case 'granted':
        break;
    }
    const url = parseUrl(request.url ?? '/');
    if (url === null) return this.#error(response, 400, 'This is no address of a page.');
    if (request.method === 'POST') return this.#post(url, decision, request, response);
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return this.#error(response, 405, 'Only GET, HEAD and POST are known here.', {
        allow: 'GET, HEAD, POST',
      });
    return this.#get(url, decision, response);
  }

  #get(url: URL, access: Granted, response: ServerResponse): void {
    const control = this.#control;
    const facts = control.facts();
    const token = this.#tokens.newToken(access.user, Date.now());
    const query = url.searchParams;
    const send = (type: string, body: string): void =>
      this.#send(response, 200, type, body, { 'set-cookie': this.#tokens.cookie(token) });
    const html = (body: string): void => send('text/html; charset=utf-8', body);
    const view = (): EntryView => entryView(control, this.#history.newestAtMs);
    const path = decodeURIComponent(url.pathname);
    switch (path) {
      case '/_history.json': {
        const answer = this.#history.answer(url.searchParams);
        if (answer.code === 200)
          this.#send(response, 200, 'application/json', `${JSON.stringify(answer.value)}\n`);
        else this.#send(response, answer.code, 'text/plain; charset=utf-8', answer.text);
        return;
      }
      case '/':
        html(indexPage(facts, control.entries(), control.events(), pageFiles('monit'), view()));
        return;
      // What the page itself asks for. No cookie: it asks each second, and would take the token from forms that are open elsewhere.
      case '/_live.json':
        this.#send(response, 200, 'application/json', `${JSON.stringify(view())}\n`);
        return;
      case '/_live.js':
        this.#send(response, 200, 'text/javascript; charset=utf-8', pageFiles('monit').script);
        return;
      case '/_live.css':
        this.#send(response, 200, 'text/css; charset=utf-8', pageFiles('monit').style);
        return;
      case '/_session.json': {
        const { user, isReadOnly } = access;
        const role = isReadOnly ? 'read-only' : 'admin';
        const session = { user, role, canLogOut: false, token: isReadOnly ? null : token };
        send('application/json', `${JSON.stringify(session)}\n`);
        return;
      }
      // No cookie: it would be another token than that in the page that asks for its style.
      case '/_page.css':
        this.#send(response, 200, 'text/css; charset=utf-8', PAGE_STYLE + ENTRY_STYLE);
        return;
      case '/_ping':
        this.#send(response, 200, 'text/html', 'pong', { 'set-cookie': this.#tokens.cookie(token) });
        return;
      case '/_getid':
        send('text/html', facts.id);
        return;
      case '/_about':
        html(aboutPage(facts));
        return;
      case '/_runtime':
        html(runtimePage(facts));
        return;
      case '/_viewlog':
        // It has what others do, and what their programs say.
        if (access.isReadOnly) this.#error(response, 403, NO_PRIVILEGES);
        else html(logPage(facts, this.#logTail()));
        return;
      case '/status.json':
        send(
          'application/json',
          `${JSON.stringify({ ...facts, services: control.entries().map(jsonOf) }, null, 1)}\n`,
        );
        return;
      default: {
        const answer = entryAnswer(path, query, facts, control.entries(), Date.now(), namesMeant);
        if (answer !== null) {
          if (answer.code === 200) send(answer.type, answer.text);
          else this.#error(response, answer.code, answer.text);
          return;
        }
        const status = this.#find(path.slice(1));
        if (status === null) this.#error(response, 404, `There is no service named "${path.slice(1)}"`);
        else html(servicePage(facts, status, { token: access.isReadOnly ? null : token }));
        return;
      }
    }
  }

  /** POST `/NAME` with one action, or `/_doaction` with several services. */
  async #post(url: URL, access: Granted, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(url.pathname);
    // Monit's log is where people look for what was done; there, too, is who did it.
    const from = `user '${access.user}' -- client [${request.socket.remoteAddress ?? 'unix socket'}]`;
    if (access.isReadOnly) {
      this.#options.log('warning', `HttpRequest: POST ${path.slice(0, 200)} refused, read-only: ${from}`);
      return this.#error(response, 403, NO_PRIVILEGES);
    }
    if (!isSameOrigin(request.headers, 'encrypted' in request.socket ? 'https' : 'http'))
      return this.#error(response, 403, 'This request comes from another page.');
    const form = await readForm(request, ENTRY_FORM_BYTES_MAX);
    if (form === null)
      return this.#error(response, 413, `A form has at most ${ENTRY_FORM_BYTES_MAX} bytes.`, {
        connection: 'close',
      });
    if (!this.#tokens.isValid(access.user, request.headers.cookie, form.get('securitytoken'), Date.now()))
      return this.#error(response, 403, 'Invalid CSRF Token');
    const word = form.get('action');
    if (path === '/_runtime' && word === 'validate') {
      this.#options.log('info', `HttpRequest: validate requested by ${from}`);
      this.#control.wake();
      return this.#send(response, 302, 'text/plain', '', { location: '/_runtime' });
    }
    const command = commandNamed(word);
    if (command === null) return this.#error(response, 400, `Invalid action '${word ?? ''}'`);
    const names = path === '/_doaction' ? form.getAll('service') : [path.slice(1)];
    const named = new Map(this.#control.entries().map(({ entry: { name } }) => [nameKey(name), name]));
    const chosen = names.flatMap((name) => named.get(nameKey(name)) ?? []);
    const missing = names.find((name) => !named.has(nameKey(name)));
    if (missing !== undefined || names.length === 0)
      return this.#error(
        response,
        path === '/_doaction' ? 400 : 404,
        `There is no service named "${missing ?? ''}"`,
      );
    const most = chosen.slice(0, NAMES_LOGGED_MAX).map((name) => `'${name}'`);
    const more = chosen.length > most.length ? ` and ${chosen.length - most.length} more` : '';
    this.#options.log('info', `HttpRequest: ${command} ${most.join(' ')}${more} requested by ${from}`);
    this.#control.command(chosen, command);
    if (path === '/_doaction') return this.#send(response, 200, 'text/plain', '');
    this.#send(response, 302, 'text/plain', '', { location: `/${encodeURIComponent(path.slice(1))}` });
  }

  #find(name: string): EntryStatus | null {
    return this.#control.entries().find(({ entry }) => nameKey(entry.name) === nameKey(name)) ?? null;
  }

  /** The end of the log file; where there is none, or it cannot be read, the events that are remembered. */
  #logTail(): string {
    const { logFile } = this.#control.facts();
    try {
      if (logFile.startsWith('/')) return fileEnd(logFile, LOG_BYTES_SHOWN);
    } catch {
      // Then what is remembered.
    }
    return this.#control
      .events()
      .map(
        ({ atMs, service, level, text }) =>
          `${new Date(atMs).toISOString()} ${level}: '${service}' ${text}\n`,
      )
      .join('');
  }

  #error(
    response: ServerResponse,
    code: number,
    text: string,
    headers: Readonly<Record<string, string>> = {},
  ): void {
    const title = STATUS_WORDS[code] ?? 'Error';
    const body = `<html><head><title>${code} ${title}</title></head><body><h2>${title}</h2>${escapeHtml(text)}</body></html>\n`;
    this.#send(response, code, 'text/html; charset=utf-8', body, headers);
  }

  #send(
    response: ServerResponse,
    code: number,
    contentType: string,
    body: string,
    headers: Readonly<Record<string, string>> = {},
  ): void {
    response.writeHead(code, {
      ...(this.#options.httpd.hasSignature ? { server: `monit ${MONIT_VERSION}` } : {}),
      'cache-control': 'no-store',
      'content-security-policy':
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      connection: 'close',
      ...headers,
      'content-type': contentType,
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  }
}

/** @throws StartError when it cannot be read, or has no certificate and key that belong together */
function certificateIn(pemFile: string): { readonly key: string; readonly cert: string } {
  try {
    const pem = readFileSync(pemFile, 'utf8');
    createSecureContext({ key: pem, cert: pem });
    return { key: pem, cert: pem };
  } catch (error) {
    throw new StartError(`SSL server PEM file ${pemFile}: ${error instanceof Error ? error.message : error}`);
  }
}

const STATUS_WORDS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Payload Too Large',
  429: 'Too Many Requests',
};

/** An entry without its rules and programs, in which passwords may stand. */
function jsonOf({ entry, sample, ...status }: EntryStatus): unknown {
  return {
    name: entry.name,
    type: entry.type,
    groups: entry.groups,
    ...status,
    figures: sample?.figures ?? null,
    properties: sample?.properties ?? null,
    probes: [...(sample?.probes.values() ?? [])],
  };
}

function commandNamed(word: string | null): ServiceCommand | null {
  return SERVICE_COMMANDS.find((command) => command === word) ?? null;
}

function parseUrl(text: string): URL | null {
  try {
    const url = new URL(text, 'http://monit');
    decodeURIComponent(url.pathname);
    return url;
  } catch {
    return null;
  }
}
