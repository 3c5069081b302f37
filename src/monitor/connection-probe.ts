import { createSocket } from 'node:dgram';
import { connect, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ProbeOutcome } from '../checks/sample.ts';
import { compares } from '../checks/test-evaluation.ts';
import { withBytes } from '../control/escapes.ts';
import { jsPattern } from '../control/extended-pattern.ts';
import type { ConnectionTest, Limits } from '../control/tree.ts';
import { numericHost } from '../net/addresses.ts';
import type { SocketAddress } from '../net/loop.ts';
import { errorOfName } from '../net/system-errors.ts';
import { matching } from '../system/bounded-match.ts';
import { askQuickly, closeQuickly, type QuickAnswer } from './quick-exchange.ts';

/** A binary no-op: magic, opcode, 22 zero bytes. */
const NOOP = `\x80\x0a${'\0'.repeat(22)}`;
const REPLY_BYTES = 24;

/** A request over UDP: request id, sequence number, datagrams, reserved. */
const FRAME = '\0\x01\0\0\0\x01\0\0';

/** Silence of an open UDP port counts as good after this: a closed one has been refused by then. */
const UDP_SILENCE_MS = 300;

/** Null: more is needed. What is sent last is not waited for an answer to. */
type Judgement =
  | { readonly bad: string }
  | { readonly send: string; readonly isLast: boolean }
  | 'good'
  | null;

/** One exchange: what is sent when the connection is open, and what the answer so far comes to. */
interface Exchange {
  readonly first: string;
  /** The same as bytes, where it is always the same, and nothing is remembered of an answer before. */
  readonly question?: Uint8Array;
  /** @param isEnd this is all there is to judge by */
  readonly judge: (answer: string, isEnd: boolean) => Judgement;
}

/**
 * Tries a port as a rule says: connects, speaks the protocol, and that again as often as the rule allows. Never rejects.
 *
 * @param limits bounds of what is read
 */
export async function probeConnection(test: ConnectionTest, limits: Limits): Promise<ProbeOutcome> {
  let outcome: ProbeOutcome = { isOk: false, text: 'not tried', responseMs: null };
  for (let attempt = 1; attempt <= test.attempts; attempt++) {
    try {
      outcome = test.transport === 'udp' ? await overUdp(test) : await overStream(test, limits);
    } catch (error) {
      // What no socket can be opened with, such as an address of its own that is none.
      outcome = bad(test, error instanceof Error ? error.message : String(error));
    }
    if (outcome.isOk) break;
  }
  return outcome;
}

/** `127.0.0.1:11211 [TCP/IP]`, as messages and pages name it. */
export function targetText({ target, transport, usesTls }: ConnectionTest): string {
  if (target.kind === 'unix') return `${target.path} [Unix]`;
  return `[${target.host}]:${target.port} [${transport === 'udp' ? 'UDP/IP' : usesTls ? 'TCP/IP TLS' : 'TCP/IP'}]`;
}

/** As monit's messages have it: `MEMCACHE`, and `generic` for a dialogue of the file's own. */
function protocolName({ protocol, dialogue }: ConnectionTest): string {
  if (dialogue.length > 0) return 'generic';
  return protocol.toUpperCase();
}

/** `Connection refused`, as monit has it. */
function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  return code === undefined ? message : errorOfName(code).message;
}

function bad(test: ConnectionTest, why: string): ProbeOutcome {
  return {
    isOk: false,
    text: `failed protocol test [${protocolName(test)}] at ${targetText(test)} -- ${why}`,
    responseMs: null,
  };
}

function good(test: ConnectionTest, responseMs: number): ProbeOutcome {
  return { isOk: true, text: `connection succeeded to ${targetText(test)}`, responseMs };
}

async function overStream(test: ConnectionTest, limits: Limits): Promise<ProbeOutcome> {
  const exchange = exchangeOf(test, limits);
  const startMs = performance.now();
  const address = exchange.question === undefined ? null : addressHere(test);
  if (exchange.question === undefined || address === null)
    return overSocket(test, limits, { exchange, startMs });
  const begun = await askQuickly(address, exchange.question);
  if (begun === null) return overSocket(test, limits, { exchange, startMs });
  const verdict = exchange.judge(begun.text, false);
  // What has been asked and is not answered, or not to the end, goes on as all others do.
  if (verdict === null || (verdict !== 'good' && !('bad' in verdict)))
    return overSocket(test, limits, { exchange, startMs, begun });
  closeQuickly(begun.fd);
  return verdict === 'good' ? good(test, performance.now() - startMs) : bad(test, verdict.bad);
}

/** Addresses of tests that can be asked quickly; null: not so. A test is asked again and again. */
const addressesHere = new WeakMap<ConnectionTest, SocketAddress | null>();

/** Where a test goes to, when that is on this host for certain. */
function addressHere(test: ConnectionTest): SocketAddress | null {
  let address = addressesHere.get(test);
  if (address === undefined) {
    address = findAddressHere(test);
    addressesHere.set(test, address);
  }
  return address;
}

function findAddressHere({ target, source, family, usesTls }: ConnectionTest): SocketAddress | null {
  if (usesTls || source !== null) return null;
  if (target.kind === 'unix') return { family: 'unix', path: target.path };
  // Where it is another address, or several, that one does not answer, and the others are tried.
  const host = numericHost(target.host === 'localhost' ? '127.0.0.1' : target.host);
  const isHere = host?.family === 'ipv4' ? host.host.startsWith('127.') : host?.host === '::1';
  if (host === null || !isHere || (family !== 'any' && family !== host.family)) return null;
  return { family: host.family, host: host.host, port: target.port };
}

interface Course {
  readonly exchange: Exchange;
  readonly startMs: number;
  /** It has been asked already, on this socket. */
  readonly begun?: QuickAnswer;
}

function overSocket(
  test: ConnectionTest,
  limits: Limits,
  { exchange, startMs, begun }: Course,
): Promise<ProbeOutcome> {
  const bytesMax = test.protocol === 'http' ? limits.httpContentBufferBytes : 64 * 1024;
  return new Promise((resolve) => {
    let answer = begun?.text ?? '';
    const onText = (chunk: string): void => {
      if (answer.length < bytesMax) answer += chunk.slice(0, bytesMax - answer.length);
      // Who never comes to an end is not listened to for longer.
      judge(answer.length < bytesMax ? null : `nothing to go by in ${bytesMax} bytes`);
    };
    const socket = begun === undefined ? open(test, onText) : goOn(begun.fd, onText);
    const finish = (why: string | null): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(why === null ? good(test, performance.now() - startMs) : bad(test, why));
    };
    // If it was us who slept, the answer lies in the socket; one turn of the loop reads it before the verdict.
    const timer = setTimeout(
      () =>
        setImmediate(() => {
          if (answer === '') finish('no answer');
          else judge(`received ${answer.length} bytes only`);
        }),
      Math.max(1, test.timeoutMs - (performance.now() - startMs)),
    );
    /** @param end why nothing more of the answer comes; null: more may come */
    const judge = (end: string | null): void => {
      const verdict = exchange.judge(answer, end !== null);
      if (verdict === 'good') finish(null);
      else if (verdict !== null && 'bad' in verdict) finish(verdict.bad);
      else if (verdict !== null) {
        answer = '';
        socket.write(verdict.send, 'latin1', verdict.isLast ? () => finish(null) : undefined);
      } else if (end !== null) finish(end);
    };
    socket.on('error', (error: NodeJS.ErrnoException) => finish(reasonOf(error)));
    socket.on('end', () => judge('connection closed'));
    socket.on('close', () => finish('connection closed'));
    if (begun !== undefined) return;
    socket.on(test.usesTls ? 'secureConnect' : 'connect', () => {
      if (exchange.first !== '') socket.write(exchange.first, 'latin1');
      judge(null);
    });
  });
}

/** What arrives is read into this, and is text before anything else arrives: a buffer and a stream for each probe would cost as much as the probe. */
const arrived = Buffer.alloc(16 * 1024);

/** A socket of Node's for a connection that stands. */
function goOn(fd: number, onText: (chunk: string) => void): Socket {
  return new Socket({ fd }).on('data', (chunk: Buffer) => onText(chunk.toString('latin1')));
}

function open({ target, source, family, usesTls }: ConnectionTest, onText: (chunk: string) => void): Socket {
  const onread = {
    buffer: arrived,
    callback: (count: number) => {
      onText(arrived.toString('latin1', 0, count));
      return true;
    },
  };
  if (target.kind === 'unix') return connect({ path: target.path, onread });
  const to = {
    host: target.host,
    port: target.port,
    ...(source === null ? {} : { localAddress: source }),
    ...(family === 'any' ? {} : { family: family === 'ipv4' ? 4 : 6 }),
  };
  if (!usesTls) return connect({ ...to, onread });
  // Whether the certificate is a good one is not what is asked.
  const socket = connectTls({ ...to, rejectUnauthorized: false });
  return socket.on('data', (chunk: Buffer) => onText(chunk.toString('latin1')));
}

const NOTHING: Exchange = { first: '', question: questionBytes(''), judge: () => 'good' };

/** Any line that is a reply of the protocol counts as alive, an error too: a proxy whose servers are all dead is not dead itself. */
const REPLY_LINE = /^(VERSION |ERROR\r|CLIENT_ERROR |SERVER_ERROR |MN\r)/;

const MEMCACHE: Exchange = {
  first: NOOP,
  question: questionBytes(NOOP),
  judge: (answer) => {
    if (answer === '') return null;
    // A server that only knows text answers ERROR, or waits for the end of the line: it lives.
    if (answer.charCodeAt(0) !== 0x81)
      return !answer.includes('\n')
        ? null
        : REPLY_LINE.test(answer)
          ? 'good'
          : { bad: 'not a memcached reply' };
    if (answer.length < REPLY_BYTES) return null;
    const status = answer.charCodeAt(6) * 256 + answer.charCodeAt(7);
    return status === 0 || status === 0x81 ? 'good' : { bad: `status ${status}` };
  },
};

const MEMCACHE_TEXT: Exchange = asked(line('version\r\n', REPLY_LINE, 'not a memcached reply'));
const REDIS: Exchange = asked(line('PING\r\n', /^(\+PONG|-NOAUTH|-ERR)/, 'not a Redis reply'));

function asked(exchange: Exchange): Exchange {
  return { ...exchange, question: questionBytes(exchange.first) };
}

/** In an array buffer of its own, which has an address also where there is nothing in it. */
function questionBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(Math.max(1, text.length)), 0, text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

function exchangeOf(test: ConnectionTest, limits: Limits): Exchange {
  if (test.dialogue.length > 0) return dialogue(test, limits);
  switch (test.protocol) {
    case 'memcache':
      return MEMCACHE;
    case 'memcache-text':
      return MEMCACHE_TEXT;
    case 'redis':
      return REDIS;
    case 'smtp':
      return line('', /^220[ -]/, 'not a greeting of SMTP');
    case 'ssh':
      return line('', /^SSH-/, 'not a greeting of SSH');
    case 'http':
      return http(test);
    default:
      return NOTHING;
  }
}

function line(first: string, pattern: RegExp, otherwise: string): Exchange {
  return {
    first,
    judge: (answer) => (!answer.includes('\n') ? null : pattern.test(answer) ? 'good' : { bad: otherwise }),
  };
}

/** Longest head of a reply of HTTP. */
const HEAD_BYTES_MAX = 64 * 1024;

function http(test: ConnectionTest): Exchange {
  const question = test.http;
  const host = test.target.kind === 'port' ? `${test.target.host}:${test.target.port}` : 'localhost';
  const login =
    question?.credentials == null
      ? ''
      : `Authorization: Basic ${Buffer.from(question.credentials).toString('base64')}\r\n`;
  const content = question?.content ?? null;
  let body: { readonly start: number; readonly end: number } | null = null;
  // What the file says takes the place of what would be said otherwise.
  const usual = [
    ['Host', host],
    ['Connection', 'close'],
    ['User-Agent', 'twincached'],
    ['Accept', '*/*'],
  ] as const;
  const own = question?.headers ?? [];
  const said = new Set(own.map(([name]) => name.toLowerCase()));
  const headers = [...usual.filter(([name]) => !said.has(name.toLowerCase())), ...own];
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return {
    first: `${question?.method ?? 'GET'} ${question?.path ?? '/'} HTTP/1.1\r\n${lines}${login}\r\n`,
    judge: (answer, isEnd) => {
      // Read once: to look through a long answer anew for each piece would take the longer the more there are.
      if (body === null) {
        const end = answer.indexOf('\r\n\r\n');
        if (end < 0) return answer.length > HEAD_BYTES_MAX ? { bad: 'not a reply of HTTP' } : null;
        const head = answer.slice(0, end);
        const code = Number(/^HTTP\/1\.\d (\d{3})/.exec(head)?.[1]);
        if (!Number.isFinite(code)) return { bad: 'not a reply of HTTP' };
        const wanted = question?.status ?? { operator: '<' as const, code: 400 };
        if (!compares(code, wanted.operator, wanted.code)) return { bad: `HTTP status ${code}` };
        const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? Number.POSITIVE_INFINITY);
        body = { start: end + 4, end: end + 4 + length };
      }
      if (content === null) return 'good';
      // What must not be in it may still come.
      if (!isEnd && answer.length < body.end) return null;
      const matches = isFound(content.pattern, answer.slice(body.start, body.end));
      if (matches === null) return TOO_LONG;
      if (matches !== content.isNegated) return 'good';
      return { bad: `the content ${matches ? 'matches' : 'does not match'} [${content.pattern}]` };
    },
  };
}

function dialogue({ dialogue: steps }: ConnectionTest, limits: Limits): Exchange {
  let at = 0;
  const sends = (): string => {
    let text = '';
    for (let step = steps[at]; step?.kind === 'send'; step = steps[at]) {
      text += withBytes(step.text);
      at += 1;
    }
    return text;
  };
  return {
    first: sends(),
    judge: (answer) => {
      const step = steps[at];
      if (step === undefined) return 'good';
      const text = answer.slice(0, limits.sendExpectBufferBytes);
      const matches = isFound(withBytes(step.text), text);
      if (matches === null) return TOO_LONG;
      if (!matches)
        return text.length >= limits.sendExpectBufferBytes ? { bad: `expected [${step.text}]` } : null;
      at += 1;
      const send = sends();
      const isLast = steps[at] === undefined;
      return send === '' && isLast ? 'good' : { send, isLast };
    },
  };
}

const TOO_LONG: Judgement = { bad: 'the pattern takes too long' };

/** Whether a pattern of the file matches in what a server says, which is one text to it, ends of lines included; null: it takes too long to say. */
function isFound(pattern: string, text: string): boolean | null {
  const found = matching(new RegExp(jsPattern(pattern), 's'), [text], 1);
  return found === null ? null : found.length > 0;
}

function overUdp(test: ConnectionTest): Promise<ProbeOutcome> {
  const { target } = test;
  if (target.kind === 'unix') return Promise.resolve(bad(test, 'no datagrams over a unix socket'));
  const asksMemcached = test.protocol === 'memcache' || test.protocol === 'memcache-text';
  const send = test.dialogue.find(({ kind }) => kind === 'send')?.text;
  const needsAnswer = asksMemcached || test.dialogue.some(({ kind }) => kind === 'expect');
  return new Promise((resolve) => {
    const startMs = performance.now();
    const socket = createSocket(target.host.includes(':') || test.family === 'ipv6' ? 'udp6' : 'udp4');
    const finish = (why: string | null): void => {
      clearTimeout(timer);
      try {
        socket.close();
      } catch {
        // It was closed already.
      }
      resolve(why === null ? good(test, performance.now() - startMs) : bad(test, why));
    };
    const patienceMs = needsAnswer ? test.timeoutMs : Math.min(UDP_SILENCE_MS, test.timeoutMs);
    const timer = setTimeout(() => finish(needsAnswer ? 'no answer' : null), patienceMs);
    socket.on('error', (error: NodeJS.ErrnoException) => finish(reasonOf(error)));
    socket.on('message', (message) => {
      const expected = test.dialogue.find(({ kind }) => kind === 'expect')?.text;
      const text = message.toString('latin1');
      if (asksMemcached) finish(REPLY_LINE.test(text.slice(FRAME.length)) ? null : 'not a memcached reply');
      else if (expected === undefined || isFound(withBytes(expected), text) === true) finish(null);
      else finish(`expected [${expected}]`);
    });
    const ask = (failure?: NodeJS.ErrnoException): void => {
      // Called without a connection, too, where the host's name means nothing.
      if (failure !== undefined) {
        finish(reasonOf(failure));
        return;
      }
      const text = asksMemcached ? `${FRAME}version\r\n` : withBytes(send ?? '');
      socket.send(Buffer.from(text, 'latin1'), (error) => {
        if (error !== null) finish(error.message);
      });
    };
    const connectSocket = (): void => socket.connect(target.port, target.host, ask);
    if (test.source === null) connectSocket();
    else socket.bind({ address: test.source }, connectSocket);
  });
}
