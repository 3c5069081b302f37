import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { controlTree } from '../../testing/control-entries.ts';
import { freePorts } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';
import type { ProbeOutcome } from '../checks/sample.ts';
import { DEFAULT_LIMITS } from '../control/settings-parser.ts';
import { probeConnection } from './connection-probe.ts';

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
});

/** A server that answers whatever comes by a function of it. */
async function serve(answer: (text: string, socket: Socket) => void, greeting = ''): Promise<number> {
  const server = createServer((socket) => {
    socket.setEncoding('latin1');
    socket.on('error', () => {});
    socket.on('data', (text: string) => answer(text, socket));
    if (greeting !== '') socket.write(greeting, 'latin1');
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

/** Tries what a rule says. */
async function probe(rule: string): Promise<ProbeOutcome> {
  const { services } = controlTree(
    `check process x with pidfile /x if failed host 127.0.0.1 ${rule} then alert`,
  );
  const test = services[0]?.rules[0]?.test;
  assert.ok(test?.kind === 'connection');
  return probeConnection(test, DEFAULT_LIMITS);
}

test('the head of a request of HTTP is what the file says, else the usual', async () => {
  let head = '';
  const port = await serve((text, socket) => {
    head += text;
    if (head.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\n\r\n');
  });
  const outcome = await probe(
    `port ${port} protocol http hostheader "a.example" http headers [X-One: "a, b", Accept: text/plain] request "/x"`,
  );
  assert.equal(outcome.isOk, true, outcome.text);
  assert.deepEqual(
    head.split('\r\n').sort().join('|'),
    [
      ...['', '', 'Accept: text/plain', 'Connection: close', 'GET /x HTTP/1.1', 'Host: a.example'],
      ...['User-Agent: twincached', 'X-One: a, b'],
    ].join('|'),
  );
});

const NOOP_REPLY = `\x81\x0a${'\0'.repeat(22)}`;

describe('memcache', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['a no-op is answered', NOOP_REPLY, true],
    ['an unknown command is an answer', `\x81\x0a\0\0\0\0\0\x81${'\0'.repeat(16)}`, true],
    ['another status is a failure', `\x81\x0a\0\0\0\0\0\x84${'\0'.repeat(16)}`, false],
    ['a server that only knows text lives', 'ERROR\r\n', true],
    ['another protocol is none', 'HTTP/1.0 400 Bad Request\r\n', false],
    ['half an answer is none', NOOP_REPLY.slice(0, 23), false],
  ];
  for (const [name, reply, isOk] of cases)
    test(name, async () => {
      const port = await serve((_, socket) => socket.write(reply, 'latin1'));
      // Only who waits for more runs into it.
      const timeout = reply.length === 23 ? '100 ms' : '30 seconds';
      const outcome = await probe(`port ${port} protocol memcache with timeout ${timeout}`);
      assert.equal(outcome.isOk, isOk, outcome.text);
    });

  test('sends a no-op of 24 bytes, in one piece or many answers', async () => {
    let sent = '';
    const port = await serve((text, socket) => {
      sent += text;
      for (const byte of NOOP_REPLY) socket.write(byte, 'latin1');
    });
    assert.equal((await probe(`port ${port} protocol memcache`)).isOk, true);
    assert.equal(sent, `\x80\x0a${'\0'.repeat(22)}`);
  });

  test('over UDP asks for the version, in a frame', async () => {
    const socket = createSocket('udp4');
    socket.on('message', (message, from) => {
      assert.equal(message.toString('latin1'), '\0\x01\0\0\0\x01\0\0version\r\n');
      socket.send(Buffer.from('\0\x01\0\0\0\x01\0\0VERSION 1\r\n', 'latin1'), from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    assert.equal((await probe(`port ${socket.address().port} type udp protocol memcache`)).isOk, true);
    socket.close();
  });
});

test('a plain connect is content with a server that says nothing; a closed port is refused', async () => {
  const port = await serve(() => {});
  assert.equal((await probe(`port ${port}`)).isOk, true);
  const [free] = await freePorts(1);
  const refused = await probe(`port ${free}`);
  assert.equal(refused.isOk, false);
  assert.match(refused.text, /-- Connection refused$/);
});

test('localhost is this host, whether it answers or not', async () => {
  const port = await serve((_, socket) => socket.write('VERSION 1\r\n'));
  const [free] = await freePorts(1);
  for (const rule of ['', ' protocol memcache-text']) {
    const outcome = await probe(`host localhost port ${port}${rule}`);
    assert.equal(outcome.isOk, true, `${rule} ${outcome.text}`);
    const refused = await probe(`host localhost port ${free}${rule}`);
    assert.match(refused.text, /at \[localhost\]:\d+ \[TCP\/IP\] -- Connection refused$/);
  }
});

test('a server that hangs fails after the timeout, as often as it is tried', async () => {
  let connections = 0;
  const port = await serve(() => {
    connections += 1;
  });
  const outcome = await probe(`port ${port} protocol memcache-text with timeout 50 ms retry 3`);
  assert.equal(outcome.isOk, false);
  assert.match(outcome.text, /no answer/);
  assert.equal(connections, 3);
});

test('what no socket can be opened with fails, and says why', async () => {
  const nowhere = await probe('host no..name port 53 type udp');
  assert.equal(nowhere.isOk, false);
  assert.match(nowhere.text, /UDP\/IP\] -- (ENOTFOUND|EAI_AGAIN)/);
  const fromNobody = await probe('port 1 address "nobody"');
  assert.equal(fromNobody.isOk, false);
  assert.match(fromNobody.text, /-- Invalid IP address: nobody/);
});

test('what is sent last needs no answer', async () => {
  let sent = '';
  const port = await serve((text, socket) => {
    sent += text;
    if (text === 'PING\n') socket.write('PONG\n');
  });
  const outcome = await probe(`port ${port} send "PING\\n" expect "PONG" send "BYE\\n"`);
  assert.equal(outcome.isOk, true, outcome.text);
  await until('the last words', () => sent === 'PING\nBYE\n');
});

test('what a server says is one text to a pattern, ends of lines included', async () => {
  const page = 'one a\nb two\n';
  const port = await serve((_, socket) =>
    socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${page.length}\r\n\r\n${page}`),
  );
  const isFound = async (pattern: string): Promise<boolean> =>
    (await probe(`port ${port} protocol http request "/" content = "${pattern}"`)).isOk;
  assert.equal(await isFound('a.b'), true);
  assert.equal(await isFound('^b'), false);
});

test('content of http is judged when all of it is there', async () => {
  const port = await serve((text, socket) => {
    const [, path = ''] = /^GET (\S+)/.exec(text) ?? [];
    const length = path === '/counted' ? 'Content-Length: 13\r\n' : '';
    socket.write(`HTTP/1.1 200 OK\r\n${length}\r\nall is `);
    setImmediate(() => {
      socket.write('broken');
      if (path === '/ending') socket.end();
    });
  });
  const ofStream = await probe(
    `port ${port} protocol http request "/stream" content = "is bro" with timeout 1 second`,
  );
  assert.equal(ofStream.isOk, true, ofStream.text);
  for (const path of ['/counted', '/ending']) {
    const refused = await probe(`port ${port} protocol http request "${path}" content != "broken"`);
    assert.equal(refused.isOk, false, path);
    assert.match(refused.text, /the content matches \[broken\]/);
    assert.equal((await probe(`port ${port} protocol http request "${path}" content = "is bro"`)).isOk, true);
  }
});

test('a pattern that would take for ever on what a server says has failed', async () => {
  const text = `${'a'.repeat(60)}!`;
  const port = await serve(() => {}, text);
  const page = await serve((_, socket) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${text}`));
  for (const rule of [
    `port ${port} expect "^(a+)+$"`,
    `port ${page} protocol http request "/" content = "^(a+)+$"`,
  ]) {
    const outcome = await probe(rule);
    assert.equal(outcome.isOk, false);
    assert.match(outcome.text, /the pattern takes too long/);
  }
});

test('who never comes to an end is listened to up to a bound', async () => {
  const port = await serve((text, socket) => {
    if (text.startsWith('GET /body ')) socket.write('HTTP/1.1 200 OK\r\n\r\n');
    const pour = (): void => {
      while (!socket.destroyed && socket.write('x'.repeat(16 * 1024)));
    };
    socket.on('drain', pour);
    pour();
  });
  const endlessBody = await probe(
    `port ${port} protocol http request "/body" content = "never" timeout 30 seconds`,
  );
  assert.match(endlessBody.text, /the content does not match \[never\]/);
  const endlessHead = await probe(`port ${port} protocol http request "/head" timeout 30 seconds`);
  assert.match(endlessHead.text, /not a reply of HTTP/);
});

test('a dialogue of send and expect is followed', async () => {
  const port = await serve(
    (text, socket) => socket.write(text === 'PING\r\n' ? 'PONG\r\n' : `got \0${text}`),
    'hello 7\n',
  );
  assert.equal(
    (
      await probe(
        `port ${port} expect "hello [[:digit:]]" send "PING\\r\\n" expect "^PONG" send "\\0x41" expect "got .A"`,
      )
    ).isOk,
    true,
  );
  assert.equal((await probe(`port ${port} expect "good bye" timeout 50 ms`)).isOk, false);
});

test('http is judged by its status and its content', async () => {
  const page = (code: number, body: string): string =>
    `HTTP/1.1 ${code} X\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const port = await serve((text, socket) =>
    socket.write(/^GET \/fine /.test(text) ? page(200, 'all is well') : page(503, 'no')),
  );
  const outcomes = await Promise.all(
    [
      'protocol http request "/fine"',
      'protocol http request "/fine" with content = "is w"',
      'protocol http request "/fine" with content = "ill"',
      'protocol http request "/bad"',
      'protocol http request "/bad" status = 503',
    ].map((rule) => probe(`port ${port} ${rule}`)),
  );
  assert.deepEqual(
    outcomes.map(({ isOk }) => isOk),
    [true, true, false, false, true],
  );
  assert.equal((await probe(`url http://u:p@127.0.0.1:${port}/fine`)).isOk, true);
});

test('redis, smtp and ssh are told by their greetings', async () => {
  const redis = await serve((_, socket) => socket.write('+PONG\r\n'));
  const smtp = await serve(() => {}, '220 mail ESMTP\r\n');
  const ssh = await serve(() => {}, 'SSH-2.0-x\r\n');
  assert.equal((await probe(`port ${redis} protocol redis`)).isOk, true);
  assert.equal((await probe(`port ${smtp} protocol smtp`)).isOk, true);
  assert.equal((await probe(`port ${ssh} protocol ssh`)).isOk, true);
  assert.equal((await probe(`port ${ssh} protocol smtp`)).isOk, false);
});

test('a question over UDP comes from where the file says', async () => {
  const socket = createSocket('udp4');
  const askers: string[] = [];
  socket.on('message', (_, from) => {
    askers.push(from.address);
    socket.send('fine', from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const rule = `port ${socket.address().port} type udp send "x" expect "fine" address`;
  assert.equal((await probe(`${rule} 127.0.0.9`)).isOk, true);
  const refused = await probe(`${rule} 192.0.2.254`);
  socket.close();
  assert.deepEqual(askers, ['127.0.0.9']);
  assert.match(refused.text, /-- Cannot assign requested address$/);
});

test('a UDP port that is closed is noticed', async () => {
  const [free] = await freePorts(1);
  assert.equal((await probe(`port ${free} type udp send "x"`)).isOk, false);
});
