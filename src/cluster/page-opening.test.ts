/* The page of a cluster file with users and a certificate, as `twincached up` opens it; stand-ins are the nodes. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { certificatePath, credentials } from '../../testing/certificates.ts';
import { freePorts, type Running, run } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import { StartError } from '../base/start-error.ts';
import { clusterCommand } from './cluster-commands.ts';
import { openPage } from './page-opening.ts';
import { LOOPBACK_PAGE, type PageSettings } from './page-settings.ts';

const PROGRAM = fileURLToPath(new URL('../../testing/up-with-stand-ins.js', import.meta.url));

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'twincached-page-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** Asks over TLS. */
function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
  body = '',
): Promise<{ readonly code: number; readonly cookie: string; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const { ca } = credentials('server');
    const request = httpsRequest(
      {
        host: '127.0.0.1',
        servername: 'localhost',
        port,
        path,
        ca,
        checkServerIdentity: () => undefined,
        ...options,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => {
          const cookie = response.headers['set-cookie']?.[0] ?? '';
          resolve({ code: response.statusCode ?? 0, cookie, text });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** Which certificate a page shows. */
function shownCertificate(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      const name = (['server', 'renewed'] as const).find(
        (one) => new X509Certificate(credentials(one).cert).fingerprint256 === fingerprint256,
      );
      resolve(name ?? 'another one');
    });
  });
}

/** The environment and the arguments of a process, as others see them. */
function visible(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1') + readFileSync(`/proc/${pid}/environ`, 'latin1');
}

async function stop(running: Running): Promise<void> {
  if (running.child.exitCode === null) await running.kill('SIGINT');
}

test('passwords are in no argument list, no child, no log and no page; who did what is written down', async (t) => {
  const directory = temporary(t);
  const [a, b, replication, entry, port = 0] = await freePorts(5);
  const [adminSecret, viewSecret] = ['open-sesame-4711', 'only-looking-0815'];
  writeFileSync(join(directory, 'admin'), `${adminSecret}\n`);
  chmodSync(join(directory, 'admin'), 0o600);
  const file = join(directory, 'c.yml');
  const certificate = (name: 'server' | 'renewed', keyOf: 'server' | 'renewed' = name): void => {
    copyFileSync(certificatePath(`${name}.pem`), join(directory, 'page.pem'));
    copyFileSync(certificatePath(`${keyOf}-key.pem`), join(directory, 'page-key.pem'));
  };
  certificate('server');
  writeFileSync(
    file,
    `name: safe
shards: [{ name: one, replication-port: ${replication}, twins: [{ port: ${a} }, { port: ${b} }] }]
proxies: [{ name: users, port: ${entry} }]
page:
  port: ${port}
  users:
    - { name: admin, role: admin, password-file: admin }
    - { name: view, role: read-only, password-environment: VIEW_PASSWORD }
  tls: { cert: page.pem, key: page-key.pem }
  audit-log: audit.log
`,
  );
  const cluster = run(process.execPath, [PROGRAM, file, '-v'], {
    VIEW_PASSWORD: viewSecret,
    XDG_STATE_HOME: join(directory, 'state'),
  });
  t.after(() => stop(cluster));
  await until('the welcome', () => cluster.stdout().includes('Your cluster runs'));
  assert.match(cluster.stdout(), new RegExp(`https://127\\.0\\.0\\.1:${port}/`));

  assert.equal((await ask(port, '/status.json')).code, 401);
  const basic = (name: string, secret: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`,
  });
  const seen: string[] = [];
  for (const [name, secret, role] of [
    ['admin', adminSecret, 'admin'],
    ['view', viewSecret, 'read-only'],
  ] as const) {
    const headers = basic(name, secret);
    const session = await ask(port, '/session.json', { headers });
    assert.equal(session.code, 200, session.text);
    assert.match(session.cookie, /; Secure$/);
    // Cast: our own program's answer; a wrong shape fails the assertions that follow.
    const { token, role: told } = JSON.parse(session.text) as { token: string | null; role: string };
    assert.equal(told, role);
    const form = new URLSearchParams({ action: 'restart', securitytoken: token ?? '' }).toString();
    const cookie = session.cookie.split(';', 1)[0] ?? '';
    const post = { method: 'POST', headers: { ...headers, cookie, origin: `https://127.0.0.1:${port}` } };
    assert.equal((await ask(port, '/one-a', post, form)).code, role === 'admin' ? 303 : 403);
    for (const path of ['/', '/status.json', '/metrics', '/session.json'])
      seen.push((await ask(port, path, { headers })).text);
  }
  assert.equal((await ask(port, '/status.json', { headers: basic('admin', `${adminSecret}x`) })).code, 401);

  const audit = readFileSync(join(directory, 'audit.log'), 'utf8');
  assert.deepEqual(
    audit
      .trim()
      .split('\n')
      .map((line) => {
        // Cast: our own program's line; a wrong shape fails the assertion.
        const { action, target, user, address, outcome } = JSON.parse(line) as Record<string, string>;
        return [action, target, user, address, outcome].join('|');
      }),
    [
      'restart|one-a|admin|127.0.0.1|done',
      'post|/one-a|view|127.0.0.1|refused: You may look, but not change anything.',
      'login|||127.0.0.1|refused: wrong name or password',
    ],
  );
  assert.equal(statSync(join(directory, 'audit.log')).mode & 0o777, 0o600);
  await until('the event', () =>
    cluster.stdout().includes('one-a: restart requested by admin from 127.0.0.1'),
  );

  // A certificate that does not fit its key changes nothing; a renewed one is shown to new connections, and the commands know it.
  certificate('renewed', 'server');
  const reload = async (): Promise<readonly [code: unknown, said: string]> => {
    const said: string[] = [];
    const note = (text: string): void => void said.push(text);
    const code = await clusterCommand('reload', ['--page-port', `${port}`], { out: note, err: note });
    return [code, said.join('')];
  };
  const before = process.env['XDG_STATE_HOME'];
  process.env['XDG_STATE_HOME'] = join(directory, 'state');
  t.after(() => {
    if (before === undefined) delete process.env['XDG_STATE_HOME'];
    else process.env['XDG_STATE_HOME'] = before;
  });
  const [refused, why] = await reload();
  assert.equal(refused, 1);
  assert.match(why, /^twincached reload: the certificate or the key of the status page cannot be used: /);
  assert.equal(await shownCertificate(port), 'server');
  certificate('renewed');
  assert.match((await reload())[1], /the page shows its new certificate\ndone: /);
  assert.equal(await shownCertificate(port), 'renewed');
  assert.equal((await reload())[0], 0);

  // Cast: our own program's answer; a wrong shape fails the assertions that follow.
  const status = JSON.parse(seen[1] ?? '') as { services: { pid: number | null }[] };
  const children = status.services.flatMap(({ pid }) => (pid === null ? [] : [pid]));
  const shown = [cluster.stdout(), cluster.stderr(), audit, ...seen];
  const argv = readFileSync(`/proc/${cluster.pid}/cmdline`, 'latin1');
  const processes = children.flatMap((pid) => {
    try {
      return [visible(pid)];
    } catch {
      // One of them was just restarted.
      return [];
    }
  });
  assert.ok(processes.length >= 2);
  const written = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'admin')
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
  for (const text of [...shown, argv, ...processes, ...written])
    for (const secret of [adminSecret, viewSecret]) {
      assert.ok(!text.includes(secret));
      assert.ok(!text.includes(Buffer.from(`view:${secret}`).toString('base64')));
    }
});

test('what cannot be read ends the start with a line that says so, without the secret', async (t) => {
  const directory = temporary(t);
  const empty = join(directory, 'empty');
  writeFileSync(empty, '\nsecond line\n');
  const password = (one: PageSettings['users'][number]['password']): PageSettings => ({
    ...LOOPBACK_PAGE,
    users: [{ name: 'ann', isReadOnly: false, password: one }],
  });
  const missing = join(directory, 'missing');
  for (const [settings, message] of [
    [
      password({ kind: 'file', path: missing }),
      `cannot read the password of ann of the page: ${missing}: No such file or directory`,
    ],
    [
      password({ kind: 'file', path: directory }),
      `cannot read the password of ann of the page: ${directory}: not an ordinary file`,
    ],
    [password({ kind: 'file', path: empty }), `the password of ann: ${empty}: its first line is empty`],
    [
      password({ kind: 'variable', name: 'NOT_SET' }),
      'the password of ann: the variable NOT_SET is not set, or empty',
    ],
    [
      { ...LOOPBACK_PAGE, tls: { certFile: missing, keyFile: missing } },
      `cannot read the certificate of the page: ${missing}: No such file or directory`,
    ],
  ] as const)
    assert.throws(
      () => openPage(settings, {}, join(directory, 'audit'), () => {}),
      (error) => error instanceof StartError && error.message === message,
    );
});

test('a variable is taken out of the environment; what is readable or unencrypted is warned of', (t) => {
  const directory = temporary(t);
  const path = join(directory, 'open');
  writeFileSync(path, 'secret');
  chmodSync(path, 0o644);
  const environment = { PASSWORD: 'x', HOME: '/' };
  const { warnings, options } = openPage(
    {
      ...LOOPBACK_PAGE,
      address: '0.0.0.0',
      users: [
        { name: 'ann', isReadOnly: false, password: { kind: 'file', path } },
        { name: 'bob', isReadOnly: true, password: { kind: 'variable', name: 'PASSWORD' } },
        { name: 'cat', isReadOnly: true, password: { kind: 'variable', name: 'PASSWORD' } },
      ],
    },
    environment,
    join(directory, 'audit'),
    () => {},
  );
  assert.deepEqual(environment, { HOME: '/' });
  assert.deepEqual(warnings, [
    'the page at 0.0.0.0 is not encrypted: passwords can be read on the way; give it a certificate, or let it listen on this machine alone',
    `everybody on this host can read the password of ann: chmod 600 ${path}`,
  ]);
  for (const [name, secret] of [
    ['ann', 'secret'],
    ['bob', 'x'],
    ['cat', 'x'],
  ] as const)
    assert.equal(options.access?.login('127.0.0.1', name, secret, 0).kind, 'granted');
});
