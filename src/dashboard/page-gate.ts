import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AccessDecision, HttpAccess, Identity } from './http-access.ts';
import { plain, send } from './http-answer.ts';
import { loginPage } from './login-page.ts';
import { LoginSessions } from './login-sessions.ts';
import { readForm } from './request-form.ts';
import { isLoopbackHost, isSameOrigin } from './request-origin.ts';
import { isBearer, SessionTokens, TOKEN_LIFETIME_MS } from './session-token.ts';

/** Largest form that is read. */
export const FORM_BYTES_MAX = 4096;

/** Something that somebody did, or was not let do, for those who ask later. */
export interface AuditRecord {
  /** `restart`, `login`, ... */
  readonly action: string;
  /** What it was done to; '' for the cluster as a whole. */
  readonly target: string;
  /** '' where there are no users, or when nobody has logged in. */
  readonly user: string;
  readonly address: string;
  /** `done`, or `refused: ` and why. */
  readonly outcome: string;
}

/** Who looks at the page. */
export interface PageReader extends Identity {
  /** Of the browser; goes into a cookie. */
  readonly session: string;
  readonly address: string;
  /** Whether it is a command that has shown the key of who runs the cluster. */
  readonly isCommand: boolean;
}

export interface PageGateOptions {
  readonly access: HttpAccess;
  readonly audit: (record: AuditRecord) => void;
  /** What commands show as `Authorization: Bearer`; null: none may. */
  readonly commandKey: string | null;
  readonly port: number;
  readonly isEncrypted: boolean;
  /** Whether only this machine reaches the page; then only names of this machine are answered to. */
  readonly isLoopback: boolean;
  /** The cluster's name, for the page where one logs in. */
  readonly cluster: string;
  /** Wall clock. */
  readonly nowMs: () => number;
}

const TOO_MANY = 'Too many wrong passwords; wait a minute.';

/**
 * Decides about every request to the page: whether its sender may come from where it comes, who it is, and whether what it wants to change comes from
 * a page of ours.
 */
export class PageGate {
  readonly #options: PageGateOptions;
  readonly #tokens: SessionTokens;
  readonly #logins = new LoginSessions();

  constructor(options: PageGateOptions) {
    this.#options = options;
    this.#tokens = new SessionTokens(options.port, options.isEncrypted);
  }

  /**
   * Who asks.
   *
   * @returns null: the request must not be answered by others, and has been
   */
  reader(request: IncomingMessage, response: ServerResponse): PageReader | null {
    const { access, commandKey, nowMs } = this.#options;
    const { authorization, cookie } = request.headers;
    const address = addressOf(request);
    // Whoever has the key is on this machine, by whatever address it calls us.
    if (commandKey !== null && isBearer(authorization, commandKey))
      return { user: '', isReadOnly: false, session: '', address, isCommand: true };
    if (!this.isWelcome(request, response)) return null;
    const session = this.#tokens.sessionOf(cookie);
    if (access.hasUsers && authorization === undefined) {
      const identity = this.#logins.find(session, nowMs());
      if (identity !== null) return { ...identity, session: session ?? '', address, isCommand: false };
    }
    const decision = access.decide(address, authorization, nowMs());
    if (decision.kind === 'granted') {
      const { user, isReadOnly } = decision;
      return { user, isReadOnly, session: session ?? this.#tokens.newSession(), address, isCommand: false };
    }
    if (decision.kind === 'unauthorized' && decision.isWrong)
      this.audit({ user: '', address }, 'login', '', 'refused: wrong name or password');
    this.#refuse(decision, request, response);
    return null;
  }

  /** Whether a request comes from where it may come from, and calls us by a name of ours. @returns false: it has been answered */
  isWelcome(request: IncomingMessage, response: ServerResponse): boolean {
    const { access, isLoopback } = this.#options;
    if (isLoopback && !isLoopbackHost(request.headers.host))
      plain(response, 421, 'This page is served to this machine only.');
    else if (!access.isAllowedFrom(addressOf(request)))
      plain(response, 403, 'This page is not served to your address.');
    else return true;
    return false;
  }

  /** What forms of a reader's page must carry; null for one who may only look. */
  token({ session, user, isReadOnly }: PageReader): string | null {
    return isReadOnly ? null : this.#tokens.token(session, user, this.#options.nowMs());
  }

  /** The header that keeps a reader's session. */
  cookie({ session }: PageReader): Readonly<Record<string, string>> {
    return { 'set-cookie': this.#tokens.cookie(session) };
  }

  /** What a page's script is told of its reader: who it is, whether there are to be buttons, and the token for them. */
  readerJson(reader: PageReader): string {
    return `${JSON.stringify({
      user: reader.user,
      role: reader.isReadOnly ? 'read-only' : 'admin',
      canLogOut: this.#logins.find(reader.session, this.#options.nowMs()) !== null,
      token: this.token(reader),
      tokenSeconds: TOKEN_LIFETIME_MS / 1000,
    })}\n`;
  }

  /**
   * Reads the form of a request that wants to change something. It must come from somebody who may do that, and from a page of ours or a command.
   *
   * @param path for the audit log, until it is known what is wanted
   * @returns its fields, and who sent it: a command says there who runs it. Null: refused, and answered
   */
  async form(
    reader: PageReader,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<{ readonly fields: URLSearchParams; readonly by: PageReader } | null> {
    const refuse = (code: number, text: string, headers: Readonly<Record<string, string>> = {}): null => {
      this.audit(reader, 'post', path, `refused: ${text}`);
      plain(response, code, text, headers);
      return null;
    };
    if (reader.isReadOnly) return refuse(403, 'You may look, but not change anything.');
    if (!this.#isOurs(request)) return refuse(403, 'This request comes from another page.');
    const form = await readForm(request, FORM_BYTES_MAX);
    if (form === null)
      return refuse(413, `A form has at most ${FORM_BYTES_MAX} bytes.`, { connection: 'close' });
    // What has the key is no browser, which could be led here by another page.
    if (reader.isCommand) {
      const operator = (form.get('operator') ?? '').replace(/[^\w.@-]/g, '').slice(0, 64);
      return { fields: form, by: { ...reader, user: operator } };
    }
    const session = this.#tokens.sessionOf(request.headers.cookie);
    if (!this.#tokens.isValid(session, reader.user, form.get('securitytoken'), this.#options.nowMs()))
      return refuse(403, 'The security token is missing or not valid.');
    return { fields: form, by: reader };
  }

  /** Writes down what somebody did. */
  audit(
    { user, address }: Pick<PageReader, 'user' | 'address'>,
    action: string,
    target: string,
    outcome: string,
  ): void {
    this.#options.audit({ action, target, user, address, outcome });
  }

  /** `GET /_login`. */
  showLogin(response: ServerResponse): void {
    this.#login(response, 200, null);
  }

  /** `POST /_login` with `name` and `password`. */
  async login(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { access, nowMs } = this.#options;
    if (!this.#isOurs(request)) return plain(response, 403, 'This request comes from another page.');
    const form = await readForm(request, FORM_BYTES_MAX);
    if (form === null)
      return plain(response, 413, `A form has at most ${FORM_BYTES_MAX} bytes.`, { connection: 'close' });
    const address = addressOf(request);
    const decision = access.login(address, form.get('name') ?? '', form.get('password') ?? '', nowMs());
    // The name is not written down: people type a password into the wrong field.
    if (decision.kind !== 'granted')
      this.audit({ user: '', address }, 'login', '', `refused: ${decision.kind}`);
    if (decision.kind === 'too-many-failures') return this.#login(response, 429, TOO_MANY);
    if (decision.kind !== 'granted') return this.#login(response, 403, 'The name or the password is wrong.');
    const { user, isReadOnly } = decision;
    this.#logins.end(this.#tokens.sessionOf(request.headers.cookie));
    const session = this.#tokens.newSession();
    this.#logins.add(session, { user, isReadOnly }, nowMs());
    this.audit({ user, address }, 'login', '', 'done');
    plain(response, 303, 'Welcome.', { location: '/', 'set-cookie': this.#tokens.cookie(session) });
  }

  /** `POST /_logout`; anybody may, and from a page of ours alone. */
  logout(request: IncomingMessage, response: ServerResponse): void {
    if (!this.#isOurs(request)) {
      plain(response, 403, 'This request comes from another page.');
      return;
    }
    const session = this.#tokens.sessionOf(request.headers.cookie);
    const identity = this.#logins.find(session, this.#options.nowMs());
    this.#logins.end(session);
    if (identity !== null)
      this.audit({ user: identity.user, address: addressOf(request) }, 'logout', '', 'done');
    plain(response, 303, 'Good bye.', { location: '/_login', 'set-cookie': this.#tokens.endingCookie() });
  }

  #login(response: ServerResponse, code: number, failure: string | null): void {
    send(response, code, 'text/html; charset=utf-8', loginPage(this.#options.cluster, failure));
  }

  #isOurs(request: IncomingMessage): boolean {
    return isSameOrigin(request.headers, this.#options.isEncrypted ? 'https' : 'http');
  }

  #refuse(
    decision: Exclude<AccessDecision, { readonly kind: 'granted' }>,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    if (decision.kind === 'refused-host') plain(response, 403, 'This page is not served to your address.');
    else if (decision.kind === 'too-many-failures') plain(response, 429, TOO_MANY, { 'retry-after': '60' });
    else if (!decision.isWrong && request.method === 'GET' && request.headers.accept?.includes('text/html'))
      plain(response, 303, 'Log in first.', { location: '/_login' });
    else {
      // A script of a page whose login has ended gets no challenge, or the browser would ask for a password in a window of its own.
      const isScript = request.headers['sec-fetch-dest'] === 'empty';
      const challenge = { 'www-authenticate': 'Basic realm="twincached", charset="UTF-8"' };
      plain(response, 401, 'A name and a password are needed.', isScript ? {} : challenge);
    }
  }
}

/** Who asks, and whence, as the log has it. */
export function askerText({ user, address, isCommand }: PageReader): string {
  const from = `from ${address === '' ? 'nowhere' : address}`;
  if (isCommand) return `${user}'s command ${from}`;
  return `${user === '' ? 'the page' : user} ${from}`;
}

function addressOf(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
}
