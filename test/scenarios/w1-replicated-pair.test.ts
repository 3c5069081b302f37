import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { CommandFolder, isAlive } from '../../testing/daemons.ts';
import { AS_ROOT, freePorts } from '../../testing/processes.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const USER = AS_ROOT.join(' ');

/** W1 of the walk-throughs: two nodes on two addresses, same ports, one dials the other. Step numbers are the walk-through's. */
describe('W1, a replicated pair', () => {
  let commands: CommandFolder;
  let port = 0;
  let replicationPort = 0;
  let firstPid = 0;
  let secondPid = 0;
  let first: TextClient;
  let second: TextClient;

  const startFirst = (extra = ''): Promise<number> =>
    commands.daemon(
      `memcached -d -m 100 -l 127.0.0.1 -p ${port} ${USER} -c 1024 ${extra} -X ${replicationPort} -P ${commands.file('rep.pid')}`,
    );
  const startSecond = (): Promise<number> =>
    commands.daemon(
      `memcached -d -m 100 -l 127.0.0.2 -p ${port} ${USER} -c 1024 -x 127.0.0.1 -X ${replicationPort} -P ${commands.file('rep2.pid')}`,
    );
  const connectFirst = (): Promise<TextClient> => TextClient.connect(port, '127.0.0.1');
  const connectSecond = (): Promise<TextClient> => TextClient.connect(port, '127.0.0.2');
  const arrives = (client: TextClient, key: string, value: string | null): Promise<unknown> =>
    until(`${key} is ${value}`, async () => (await client.get(key)) === value);

  before(async () => {
    commands = await CommandFolder.make();
  });
  after(() => commands.dispose());

  beforeEach(async () => {
    [port = 0, replicationPort = 0] = await freePorts(2);
    firstPid = await startFirst();
    secondPid = await startSecond();
    first = await connectFirst();
    second = await connectSecond();
  });
  afterEach(async () => {
    first.close();
    second.close();
    for (const pid of [firstPid, secondPid]) if (isAlive(pid)) await commands.kill(pid);
  });

  test('1, 2: a write on either side is read on the other', async () => {
    assert.equal(await first.set('dd', 'ddd'), 'STORED');
    await arrives(second, 'dd', 'ddd');
    assert.equal(await second.set('ee', 'eee'), 'STORED');
    await arrives(first, 'ee', 'eee');
  });

  test('1: typed by hand: bare LF for commands, slow typing, CR LF split over packets', async () => {
    for (const piece of ['s', 'et dd 0 0 3\n', 'dd', 'd\r', '\nge', 't dd', '\n']) {
      await new Promise<void>((resolve) => first.raw(piece, resolve));
    }
    assert.equal(await first.rawReply('STORED\r\nVALUE dd 0 3\r\nddd\r\nEND\r\n'), true);
    await arrives(second, 'dd', 'ddd');
  });

  test('3: every kind of change arrives', async () => {
    await first.set('k', '5');
    await arrives(second, 'k', '5');
    assert.equal(await first.ask('add a 1 0 1\r\nA'), 'STORED\r\n');
    await arrives(second, 'a', 'A');
    assert.equal(await first.ask('replace a 1 0 2\r\nBB'), 'STORED\r\n');
    await arrives(second, 'a', 'BB');
    assert.equal(await first.ask('append a 0 0 1\r\n>'), 'STORED\r\n');
    await arrives(second, 'a', 'BB>');
    assert.equal(await first.ask('prepend a 0 0 1\r\n<'), 'STORED\r\n');
    await arrives(second, 'a', '<BB>');
    assert.equal(await first.ask('incr k 7'), '12\r\n');
    await arrives(second, 'k', '12');
    assert.equal(await second.ask('decr k 2'), '10\r\n');
    await arrives(first, 'k', '10');
    // The cas id of one side is good on the other.
    const cas = /VALUE a 1 4 (\d+)/.exec(await second.ask('gets a'))?.[1];
    assert.equal(await second.ask(`cas a 1 0 3 ${cas}\r\nCAS`), 'STORED\r\n');
    await arrives(first, 'a', 'CAS');
    assert.equal(await first.ask(`cas a 1 0 3 ${cas}\r\nOLD`), 'EXISTS\r\n');
    assert.equal(await first.ask('touch a -1'), 'TOUCHED\r\n');
    await arrives(second, 'a', null);
    assert.equal(await first.ask('delete k'), 'DELETED\r\n');
    await arrives(second, 'k', null);
    await first.set('gone', 'x');
    await arrives(second, 'gone', 'x');
    assert.equal(await second.ask('flush_all'), 'OK\r\n');
    await arrives(first, 'gone', null);
    await first.set('kept', 'y');
    await arrives(second, 'kept', 'y');
  });

  test('3: meta forms arrive, with marks and cas ids', async () => {
    const becomes = (client: TextClient, request: string, reply: string): Promise<unknown> =>
      until(`${request} gives ${reply}`, async () => (await client.ask(request)) === `${reply}\r\n`);
    assert.equal(await first.ask('ms AAEC 2 b F7 T100 E18446744073709551615\r\nhi'), 'HD\r\n');
    await becomes(second, 'mg AAEC b f s c k u', 'HD f7 s2 c18446744073709551615 kAAEC b');
    assert.equal(await second.ask('ms AAEC 1 b MA C18446744073709551615 E5\r\n!'), 'HD\r\n');
    await becomes(first, 'mg AAEC b s c u', 'HD s3 c5');
    assert.equal(await first.ask('ma n N0 J41'), 'HD\r\n');
    await becomes(second, 'me none', 'EN');
    await arrives(second, 'n', '41');
    assert.equal(await second.ask('ma n'), 'HD\r\n');
    await arrives(first, 'n', '42');
    // Stale on one side; the other side's client wins; nobody wins again.
    assert.equal(await first.ask('md n I'), 'HD\r\n');
    await until('stale on the twin', async () => /X/.test(await second.ask('mg n u')));
    await becomes(first, 'mg n u', 'HD Z X');
    assert.equal(await second.ask('mg made N30'), 'HD W\r\n');
    await becomes(first, 'mg made u', 'HD Z');
    assert.equal(await first.ask('md made x'), 'HD\r\n');
    await becomes(second, 'mg made t u', 'HD t-1');
    assert.equal(await first.ask('md made q\r\nmn'), 'MN\r\n');
    await arrives(second, 'made', null);
  });

  test('4: the first is killed, comes back with -x, and has everything before its first client', async () => {
    for (let i = 0; i < 500; i++) await first.set(`key${i}`, `value${i}`);
    await arrives(second, 'key499', 'value499');
    await commands.kill(firstPid);
    assert.equal(await second.get('key7'), 'value7');
    assert.equal(await second.set('meanwhile', 'm'), 'STORED');
    await until(
      'the survivor listens',
      async () => (await second.stats('replication')).get('replication_role') === 'listener',
    );
    firstPid = await startFirst('-x 127.0.0.2');
    first = await connectFirst();
    for (let i = 0; i < 500; i++) assert.equal(await first.get(`key${i}`), `value${i}`);
    assert.equal(await first.get('meanwhile'), 'm');
  });

  test('5: the second is killed, misses writes, and catches up', async () => {
    await first.set('before', '1');
    await arrives(second, 'before', '1');
    await commands.kill(secondPid);
    assert.equal(await first.set('missed', '2'), 'STORED');
    secondPid = await startSecond();
    second = await connectSecond();
    assert.equal(await second.get('before'), '1');
    assert.equal(await second.get('missed'), '2');
  });

  test('the pid file goes with the process, and a signal ends it cleanly', async () => {
    await commands.kill(firstPid, 'SIGTERM');
    assert.equal(existsSync(commands.file('rep.pid')), false);
    await commands.kill(secondPid, 'SIGINT');
    assert.equal(existsSync(commands.file('rep2.pid')), false);
  });
});

describe('W1, step 6: each dials the other', () => {
  for (const order of ['first, then second', 'second, then first', 'both at once']) {
    test(order, async () => {
      const commands = await CommandFolder.make();
      try {
        const [port = 0, replicationPort = 0] = await freePorts(2);
        const line = (own: string, other: string): string =>
          `memcached -d -m 64 -l ${own} -p ${port} ${USER} -x ${other} -X ${replicationPort} -P ${commands.file(own)}`;
        const lines = [line('127.0.0.1', '127.0.0.2'), line('127.0.0.2', '127.0.0.1')];
        if (order.startsWith('second')) lines.reverse();
        if (order === 'both at once') await Promise.all(lines.map((each) => commands.daemon(each)));
        else for (const each of lines) await commands.daemon(each);
        const first = await TextClient.connect(port, '127.0.0.1');
        const second = await TextClient.connect(port, '127.0.0.2');
        await first.set('a', '1');
        await second.set('b', '2');
        await until(
          'both have both',
          async () => (await second.get('a')) === '1' && (await first.get('b')) === '2',
        );
        first.close();
        second.close();
      } finally {
        await commands.dispose();
      }
    });
  }
});
