import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { join } from 'node:path';
import { isRecord } from '../base/json-record.ts';
import type { AlertCounts } from '../checks/cluster-status.ts';
import type { AlertTarget, MailServer, Settings } from '../control/tree.ts';
import { type Alert, lineOf, type Message, mailOf } from './alert-message.ts';
import { writeWhole } from './whole-file.ts';

const SENDING_MAX = 500;

/** Alerts that a queue keeps where `slots` does not say otherwise. */
const QUEUE_SLOTS_DEFAULT = 10_000;

/** Alerts of the queue that are tried again in one cycle. */
const RETRIES_PER_CYCLE = 10;

/** Files of the queue that are looked at in one cycle. */
export const QUEUE_LOOKS_MAX = 1000;

interface Letter {
  readonly address: string;
  readonly message: Message;
  /** What a web hook gets. */
  readonly json: string;
}

/** How alerts are sent, and where those are kept that could not be. */
export type SenderSettings = Pick<Settings, 'mailServers' | 'mailFormat' | 'eventQueue'>;

export interface AlertSenderOptions {
  readonly settings: SenderSettings;
  readonly log: (text: string) => void;
  /** Alerts that may be on their way or wait for others; more go to the queue, or are lost and counted. 500 unless given. */
  readonly sendingMax?: number;
  /** Whether alerts to an address are still wanted; those that wait are thrown away if not. All are unless given. */
  readonly isWanted?: (address: string) => boolean;
  /** How letters of the queue are read and removed; the system's calls unless given. */
  readonly files?: QueueFiles;
}

/** Both throw what the system says. */
export interface QueueFiles {
  readonly read: (path: string) => string;
  readonly remove: (path: string) => void;
}

const SYSTEM_FILES: QueueFiles = { read: (path) => readFileSync(path, 'utf8'), remove: unlinkSync };

/** Tells alerts to people and web hooks. Nothing waits for it, and nothing that it meets is an error of the monitor. */
export class AlertSender {
  readonly #options: Omit<AlertSenderOptions, 'settings'>;
  #settings: SenderSettings;
  /** On their way, or waiting for another one to the same address. */
  readonly #sending: Set<Letter> = new Set();
  /** The last alert on its way to each address: the next one waits for it, so that a recovery does not overtake its failure. */
  readonly #last: Map<string, Promise<void>> = new Map();
  #sent = 0;
  #failed = 0;
  #lost = 0;
  /** Letters of the queue. */
  #waiting = 0;
  #isRetrying = false;
  /** The last letter that was looked at where there were more than can be at a time; '' when it is begun from the oldest one. */
  #lookedTo = '';
  /** Why letters of the queue could not be read when that was tried last; '' when all could. */
  #unreadable = '';
  readonly #files: QueueFiles;
  /** Letters that are done with and could not be removed: nobody is to be told each cycle. */
  readonly #doneWith: Set<string> = new Set();

  constructor({ settings, ...options }: AlertSenderOptions) {
    this.#options = options;
    this.#settings = settings;
    this.#files = options.files ?? SYSTEM_FILES;
    this.#waiting = queued(settings)?.length ?? 0;
  }

  /** From now on alerts are sent so; those on their way, and those that wait, too, at their next attempt. */
  use(settings: SenderSettings): void {
    this.#settings = settings;
    this.#doneWith.clear();
    this.#waiting = queued(settings)?.length ?? 0;
  }

  get counts(): AlertCounts {
    return { sent: this.#sent, failed: this.#failed, lost: this.#lost, waiting: this.#waiting };
  }

  /** When nothing is on its way any more. */
  async settled(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }

  /** Alerts that could be neither sent nor kept. */
  get lost(): number {
    return this.#lost;
  }

  /** The end: what is still on its way is kept for the next time; somebody may hear of it twice. */
  keepUnsent(): void {
    for (const letter of this.#sending) this.#keep(letter, 'the monitor ends');
  }

  /** The same, but with a while for what is on its way to arrive. @param patienceMs of the whole */
  async close(patienceMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs);
    });
    await Promise.race([this.settled(), patience]);
    clearTimeout(timer);
    this.keepUnsent();
  }

  /** Starts to tell an alert. */
  send(alert: Alert, target: AlertTarget): void {
    const message = mailOf(alert, target.format, this.#settings.mailFormat);
    const { name, state, description, action } = alert.event;
    const json = JSON.stringify({
      service: alert.service,
      event: name,
      state,
      action,
      description,
      text: lineOf(alert),
      host: alert.hostName,
      ...(alert.cluster === undefined ? {} : { cluster: alert.cluster }),
      time: new Date(alert.atMs).toISOString(),
    });
    void this.#tell({ address: target.address, message, json });
  }

  /** Once in a cycle: what the queue holds is tried again. */
  async retry(): Promise<void> {
    const queue = this.#settings.eventQueue;
    if (queue === null || this.#isRetrying) return;
    this.#isRetrying = true;
    const found = queued(this.#settings);
    if (found === null) {
      this.#isRetrying = false;
      return;
    }
    const names = found.filter((name) => !this.#doneWith.has(name));
    this.#waiting = names.length;
    let retries = 0;
    let unreadable = '';
    // Where one is not taken the next one would not be either; those to others need not wait for that.
    const dead = new Set<string>();
    const behind = names.findIndex((name) => name > this.#lookedTo);
    const inTurn = behind < 0 ? names : [...names.slice(behind), ...names.slice(0, behind)];
    this.#lookedTo = '';
    for (const [index, name] of inTurn.entries()) {
      if (index === QUEUE_LOOKS_MAX) {
        this.#lookedTo = inTurn[index - 1] ?? '';
        break;
      }
      const path = join(queue.directory, name);
      const text = this.#read(path);
      if (text === null) {
        // It has gone: somebody else has seen to it.
        this.#waiting -= 1;
        continue;
      }
      if (text instanceof Error) {
        // Another time it can be: there are too many open files, say, or its owner is another one.
        this.#failed += 1;
        unreadable ||= text.message;
        continue;
      }
      const letter = parseLetter(text);
      if (letter === null) {
        this.#lost += 1;
        this.#options.log(`${path} is no alert that can be read: it is lost`);
      } else if (this.#options.isWanted?.(letter.address) !== false) {
        const { address } = letter;
        if (dead.has(address)) continue;
        if (retries === RETRIES_PER_CYCLE) break;
        retries += 1;
        if ((await this.#deliver(letter)) !== null) {
          dead.add(address);
          continue;
        }
      }
      this.#remove(queue.directory, name);
      this.#waiting -= 1;
    }
    // Once is enough, until it is another reason.
    if (unreadable !== '' && unreadable !== this.#unreadable)
      this.#options.log(`alerts of the queue cannot be read just now and are kept: ${unreadable}`);
    this.#unreadable = unreadable;
    this.#isRetrying = false;
  }

  /** @returns null when there is no such file; why it cannot be read otherwise */
  #read(path: string): string | Error | null {
    try {
      return this.#files.read(path);
    } catch (error) {
      if (isMissing(error)) return null;
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  #remove(directory: string, name: string): void {
    try {
      this.#files.remove(join(directory, name));
    } catch (error) {
      if (isMissing(error)) return;
      // As many as there can be in the queue.
      this.#doneWith.add(name);
      const why = error instanceof Error ? error.message : String(error);
      this.#options.log(`an alert of the queue is done with and cannot be removed: ${why}`);
    }
  }

  async #tell(letter: Letter): Promise<void> {
    if (this.#sending.size >= (this.#options.sendingMax ?? SENDING_MAX)) {
      this.#keep(letter, 'too many alerts are on their way');
      return;
    }
    this.#sending.add(letter);
    const { address } = letter;
    const before = this.#last.get(address);
    const done = (async (): Promise<void> => {
      await before;
      const failure = await this.#deliver(letter);
      if (failure !== null) this.#keep(letter, failure);
    })();
    this.#last.set(address, done);
    await done;
    this.#sending.delete(letter);
    if (this.#last.get(address) === done) this.#last.delete(address);
  }

  #keep(letter: Letter, failure: string): void {
    const queue = this.#settings.eventQueue;
    const shown = shownAddress(letter.address);
    this.#options.log(`alert to ${shown} failed: ${failure}`);
    if (queue === null) {
      this.#lost += 1;
      return;
    }
    try {
      mkdirSync(queue.directory, { recursive: true, mode: 0o700 });
    } catch {
      // Writing says why.
    }
    // Not by looking into the directory: when many alerts fail it would be read anew for each.
    const isFull = this.#waiting >= (queue.slots ?? QUEUE_SLOTS_DEFAULT);
    const name = `${Date.now().toString().padStart(15, '0')}-${randomUUID()}.json`;
    const why = isFull
      ? 'the queue is full'
      : writeWhole(join(queue.directory, name), JSON.stringify(letter));
    if (why === null) {
      this.#waiting += 1;
      return;
    }
    this.#lost += 1;
    this.#options.log(`alert to ${shown} is lost: ${why}`);
  }

  /** @returns why it failed, or null */
  async #deliver(letter: Letter): Promise<string | null> {
    const failure = isHook(letter.address)
      ? await postJson(letter.address, letter.json)
      : await this.#mail(letter);
    if (failure === null) this.#sent += 1;
    else this.#failed += 1;
    return failure;
  }

  async #mail(letter: Letter): Promise<string | null> {
    const { mailServers } = this.#settings;
    let failure = 'no mail server is set';
    for (const server of mailServers) {
      const outcome = await sendMail(server, letter);
      if (outcome === null) return null;
      failure = `${server.host}: ${outcome}`;
    }
    return failure;
  }
}

function isHook(address: string): boolean {
  return /^https?:/i.test(address);
}

/** A web hook's path and what is behind it are often all that keeps strangers away from it. */
export function shownAddress(address: string): string {
  const [, scheme = '', host = ''] = /^(https?:\/\/)(?:[^/@]*@)?([^/?#]*)/i.exec(address) ?? [];
  return scheme === '' ? address : `${scheme}${host}/...`;
}

async function sendMail(server: MailServer, { address, message }: Letter): Promise<string | null> {
  const { createTransport } = await import('nodemailer');
  const timeoutMs = server.timeoutSeconds * 1000;
  const transport = createTransport({
    host: server.host,
    port: server.port ?? (server.usesTls ? 465 : 25),
    // On the port of submission TLS begins with a word; elsewhere at once.
    secure: server.usesTls && server.port !== 587 && server.port !== 25,
    requireTLS: server.usesTls,
    // Old mail servers in one's own house are not forced to renew their certificates.
    ignoreTLS: !server.usesTls,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    ...(server.user === null ? {} : { auth: { user: server.user, pass: server.password ?? '' } }),
  });
  try {
    await transport.sendMail({
      from: message.from,
      to: address,
      subject: message.subject,
      text: message.text,
      ...(message.replyTo === null ? {} : { replyTo: message.replyTo }),
    });
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    transport.close();
  }
}

/** From the request to the status; whatever follows may take as long again. */
const HOOK_TIMEOUT_MS = 10_000;

/** An answer is of no use but for its status. */
const HOOK_ANSWER_BYTES_MAX = 64 * 1024;

function postJson(address: string, json: string): Promise<string | null> {
  return new Promise((resolve) => {
    let url: URL;
    try {
      url = new URL(address);
    } catch {
      resolve('this is no URL');
      return;
    }
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(
      url,
      { method: 'POST', headers: { 'content-type': 'application/json' } },
      (response) => {
        const code = response.statusCode ?? 0;
        resolve(code >= 200 && code < 300 ? null : `HTTP status ${code}`);
        deadline.refresh();
        let bytes = 0;
        response.on('error', () => {});
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > HOOK_ANSWER_BYTES_MAX) request.destroy();
        });
      },
    );
    // Of the whole, not of each pause: who sends a byte now and then would hold up all that follow.
    const deadline = setTimeout(() => request.destroy(new Error('no answer')), HOOK_TIMEOUT_MS);
    request.on('close', () => clearTimeout(deadline));
    request.on('error', (error) => resolve(error.message));
    request.end(json);
  });
}

/** The files of the queue, the oldest first; null where that cannot be said just now. */
function queued({ eventQueue }: SenderSettings): string[] | null {
  if (eventQueue === null) return [];
  try {
    return readdirSync(eventQueue.directory)
      .filter((name) => name.endsWith('.json'))
      .sort();
  } catch (error) {
    return isMissing(error) ? [] : null;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function parseLetter(text: string): Letter | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || !isRecord(value['message'])) return null;
  const { address, json } = value;
  const { from, replyTo, subject, text: body } = value['message'];
  if (typeof address !== 'string' || typeof json !== 'string') return null;
  if (typeof from !== 'string' || typeof subject !== 'string' || typeof body !== 'string') return null;
  const message = { from, replyTo: typeof replyTo === 'string' ? replyTo : null, subject, text: body };
  return { address, json, message };
}
