import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { controlTree } from '../../testing/control-entries.ts';
import { SmtpServer } from '../../testing/smtp-server.ts';
import { until } from '../../testing/wait.ts';
import type { Alert } from './alert-message.ts';
import { AlertSender, type AlertSenderOptions, QUEUE_LOOKS_MAX, type QueueFiles } from './alert-sender.ts';

const ALERT: Alert = {
  service: 'mc',
  event: { name: 'connection', state: 'failed', description: 'no answer\r\nBcc: x@y', action: 'restart' },
  atMs: Date.UTC(2026, 10, 27),
  hostName: 'host',
};

describe('alerts by mail', () => {
  let server: SmtpServer;
  let folder = '';
  before(async () => {
    server = await SmtpServer.start();
    folder = mkdtempSync(join(tmpdir(), 'twincached-alerts-'));
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const sender = (
    text: string,
    options: Partial<AlertSenderOptions> = {},
  ): { sender: AlertSender; settings: ReturnType<typeof controlTree>['settings']; log: string[] } => {
    const { settings } = controlTree(text);
    const log: string[] = [];
    return {
      sender: new AlertSender({ settings, log: (line) => log.push(line), ...options }),
      settings,
      log,
    };
  };
  const send = ({ sender: one, settings }: ReturnType<typeof sender>): void => {
    const target = settings.alerts[0];
    assert.ok(target !== undefined);
    one.send(ALERT, target);
  };

  test('arrive in monit’s words', async () => {
    send(sender(`set mailserver 127.0.0.1 port ${server.port} set alert ops@example.com`));
    const mail = await until('the mail', () => server.mails.pop());
    assert.match(mail.from, /<monit@host>/);
    assert.match(mail.to, /<ops@example\.com>/);
    assert.match(mail.text, /^Subject: monit alert -- {1,2}Connection failed mc\r$/m);
    assert.match(mail.text, /Action: {6}restart/);
    assert.match(mail.text, /Description: no answer/);
    assert.doesNotMatch(mail.text.split('\r\n\r\n')[0] ?? '', /Bcc/);
  });

  test('arrive as the format says, the recipient’s own first', async () => {
    send(
      sender(`set mailserver 127.0.0.1 port ${server.port}
        set mail-format { from: general@example.com reply-to: help@example.com }
        set alert ops@example.com with mail-format { subject: $SERVICE is $EVENT on $HOST
          message: $DESCRIPTION }`),
    );
    const mail = await until('the mail', () => server.mails.pop());
    assert.match(mail.from, /<general@example\.com>/);
    assert.match(mail.text, /^Subject: mc is Connection failed on host\r$/m);
    assert.match(mail.text, /^Reply-To: help@example\.com\r$/m);
  });

  test('go to the next server when the first one is not there, and wait in the queue when none is', async () => {
    const dead = await SmtpServer.start();
    const deadPort = dead.port;
    await dead.stop();
    send(
      sender(
        `set mailserver 127.0.0.1 port ${deadPort}, 127.0.0.1 port ${server.port} set alert ops@example.com`,
      ),
    );
    await until('the mail', () => server.mails.pop());

    const queued = sender(
      `set mailserver 127.0.0.1 port ${server.port} set alert ops@example.com set eventqueue basedir ${folder}/queue slots 2`,
    );
    server.refuses = true;
    for (let count = 0; count < 3; count++) send(queued);
    await until(
      'two wait, one is lost',
      () => queued.sender.lost === 1 && readdirSync(`${folder}/queue`).length === 2,
    );
    server.refuses = false;
    await until('they come', async () => {
      await queued.sender.retry();
      return server.mails.length === 2;
    });
    assert.equal(readdirSync(`${folder}/queue`).length, 0);
    server.mails.length = 0;
  });

  test('one that nobody takes holds up no other, and what is on its way at the end is kept', async () => {
    let answers = 503;
    const hook = createServer((_, response) => response.writeHead(answers).end());
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    const address = hook.address();
    const url = `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}/secret`;
    const queue = `${folder}/mixed`;
    const mixed = sender(
      `set mailserver 127.0.0.1 port ${server.port} set alert ${url} set alert ops@example.com set eventqueue basedir ${queue}`,
    );
    const [toHook, toMail] = mixed.settings.alerts;
    assert.ok(toHook !== undefined && toMail !== undefined);
    server.refuses = true;
    mixed.sender.send(ALERT, toHook);
    await until('it waits', () => mixed.sender.counts.waiting === 1);
    mixed.sender.send(ALERT, toMail);
    await until('both wait', () => mixed.sender.counts.waiting === 2);
    assert.ok(
      mixed.log.every((line) => !line.includes('/secret')),
      mixed.log.join(),
    );
    server.refuses = false;
    await mixed.sender.retry();
    assert.equal(server.mails.splice(0).length, 1);
    assert.deepEqual(mixed.sender.counts, { sent: 1, failed: 3, lost: 0, waiting: 1 });
    answers = 200;
    await mixed.sender.retry();
    assert.equal(mixed.sender.counts.waiting, 0);
    mixed.sender.send(ALERT, toHook);
    mixed.sender.keepUnsent();
    assert.equal(readdirSync(queue).length, 1);
    await mixed.sender.settled();
    // The next monitor finds it, and sends it if it is wanted.
    const strangers = new AlertSender({
      settings: mixed.settings,
      log: () => {},
      isWanted: (address) => address !== url,
    });
    const next = new AlertSender({ settings: mixed.settings, log: () => {} });
    assert.equal(next.counts.waiting, 1);
    await next.retry();
    assert.deepEqual(next.counts, { sent: 1, failed: 0, lost: 0, waiting: 0 });
    mixed.sender.send(ALERT, toHook);
    mixed.sender.keepUnsent();
    await mixed.sender.settled();
    await strangers.retry();
    assert.deepEqual(strangers.counts, { sent: 0, failed: 0, lost: 0, waiting: 0 });
    assert.equal(readdirSync(queue).length, 0);
    hook.close();
  });

  test('no more are looked at than a bound at a time, and all in their turn; what is none is lost and told', async () => {
    const queue = `${folder}/long`;
    const dead = 'http://127.0.0.1:1/dead';
    const long = sender(
      `set mailserver 127.0.0.1 port ${server.port} set alert ops@example.com set eventqueue basedir ${queue}`,
    );
    const [target] = long.settings.alerts;
    assert.ok(target !== undefined);
    server.refuses = true;
    long.sender.send(ALERT, target);
    await until('it waits', () => long.sender.counts.waiting === 1);
    server.refuses = false;
    const [name = ''] = readdirSync(queue);
    const text = readFileSync(join(queue, name), 'utf8');
    for (let count = 0; count < QUEUE_LOOKS_MAX; count++)
      writeFileSync(
        join(queue, `${String(count).padStart(15, '0')}-dead.json`),
        text.replace('"ops@example.com"', JSON.stringify(dead)),
      );
    await long.sender.retry();
    assert.equal(server.mails.length, 0);
    await long.sender.retry();
    assert.equal(server.mails.splice(0).length, 1);
    for (const file of readdirSync(queue)) rmSync(join(queue, file));
    writeFileSync(join(queue, '1.json'), text.slice(0, -1));
    const { lost } = long.sender;
    await long.sender.retry();
    assert.equal(long.sender.lost, lost + 1);
    assert.match(long.log.at(-1) ?? '', /long\/1\.json is no alert that can be read: it is lost/);
    assert.deepEqual(readdirSync(queue), []);
  });

  test('what cannot be read just now is kept, and what cannot be removed is told once', async () => {
    const queue = `${folder}/stubborn`;
    const reasons = { read: 'EMFILE', remove: 'EROFS' };
    const fail = (code: string): never => {
      throw Object.assign(new Error(`${code}: some words`), { code });
    };
    const files: QueueFiles = {
      read: (path) => (reasons.read === '' ? readFileSync(path, 'utf8') : fail(reasons.read)),
      remove: (path) => (reasons.remove === '' ? rmSync(path) : fail(reasons.remove)),
    };
    const stubborn = sender(
      `set mailserver 127.0.0.1 port ${server.port} set alert ops@example.com set eventqueue basedir ${queue}`,
      { files },
    );
    server.refuses = true;
    send(stubborn);
    await until('it waits', () => stubborn.sender.counts.waiting === 1);
    server.refuses = false;
    const logged = stubborn.log.length;
    for (let times = 0; times < 2; times++) await stubborn.sender.retry();
    assert.deepEqual(stubborn.sender.counts, { sent: 0, failed: 3, lost: 0, waiting: 1 });
    assert.deepEqual(stubborn.log.slice(logged), [
      'alerts of the queue cannot be read just now and are kept: EMFILE: some words',
    ]);
    reasons.read = '';
    for (let times = 0; times < 2; times++) await stubborn.sender.retry();
    assert.equal(server.mails.splice(0).length, 1);
    assert.deepEqual(stubborn.sender.counts, { sent: 1, failed: 3, lost: 0, waiting: 0 });
    assert.deepEqual(stubborn.log.slice(logged + 1), [
      'an alert of the queue is done with and cannot be removed: EROFS: some words',
    ]);
    // Another one has been removed by somebody else before it was read.
    server.refuses = true;
    send(stubborn);
    await until('it waits', () => stubborn.sender.counts.waiting === 1);
    reasons.read = 'ENOENT';
    await stubborn.sender.retry();
    assert.equal(stubborn.sender.counts.waiting, 0);
    assert.equal(stubborn.sender.lost, 0);
    server.refuses = false;
  });

  test('a web hook that never ends its answer is left when its status is known', async () => {
    let isLeft = false;
    const hook = createServer((_, response) => {
      response.writeHead(200);
      const pour = (): void => {
        while (!response.destroyed && response.write('x'.repeat(16 * 1024)));
      };
      response.on('drain', pour);
      response.on('close', () => {
        isLeft = true;
      });
      pour();
    });
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    const address = hook.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const told = sender(`set alert http://127.0.0.1:${port}/`);
    send(told);
    await until('it is sent', () => told.sender.counts.sent === 1);
    await until('it is left', () => isLeft);
    hook.close();
  });

  test('keep their order, and are bounded', async () => {
    const sendingMax = 20;
    const many = sender(`set mailserver 127.0.0.1 port ${server.port} set alert ops@example.com`, {
      sendingMax,
    });
    const target = many.settings.alerts[0];
    assert.ok(target !== undefined);
    for (let count = 0; count <= sendingMax; count++)
      many.sender.send({ ...ALERT, service: `mc${count}` }, target);
    await until('one is too many', () => many.sender.lost === 1);
    await until('the others come', () => server.mails.length === sendingMax);
    const names = server.mails
      .splice(0)
      .map(({ text }) => Number(/^Subject: .* mc(\d+)\r$/m.exec(text)?.[1]));
    assert.deepEqual(
      names,
      [...names].sort((a, b) => a - b),
    );
  });

  test('are lost and counted without a queue', async () => {
    const lonely = sender('set alert ops@example.com');
    send(lonely);
    await until('it is lost', () => lonely.sender.lost === 1);
    assert.match(lonely.log[0] ?? '', /no mail server is set/);
  });

  test('go to a web hook as JSON', async () => {
    const bodies: string[] = [];
    const hook = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        bodies.push(body);
        response.end();
      });
    });
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    const address = hook.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    send(sender(`set alert http://127.0.0.1:${port}/hook`));
    const body: unknown = JSON.parse(await until('the request', () => bodies.pop()));
    assert.deepEqual(body, {
      service: 'mc',
      event: 'connection',
      state: 'failed',
      action: 'restart',
      description: 'no answer\r\nBcc: x@y',
      text: 'Connection failed mc: no answer | Bcc: x@y (restart, host)',
      host: 'host',
      time: '2026-11-27T00:00:00.000Z',
    });
    hook.close();
  });
});
