import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { OPCODE } from '../../src/protocol/binary/opcodes.ts';
import { BinaryClient, bigEndian, binaryPacket } from '../../testing/binary-client.ts';
import { freePorts, type Running, twincached } from '../../testing/processes.ts';
import { RawSocket } from '../../testing/raw-socket.ts';
import { type Server, startNode, TRANSPORTS } from '../../testing/servers.ts';
import { TextClient } from '../../testing/text-client.ts';
import { until } from '../../testing/wait.ts';

const FLAGS_AND_EXPTIME: string = bigEndian(7, 4) + bigEndian(0, 4);

/** One side, the proxy or the node itself, by all three protocols. */
class Door {
  readonly text: TextClient;
  readonly #binary: BinaryClient;
  readonly #meta: RawSocket;
  #metaFrom = 0;

  private constructor(text: TextClient, binary: BinaryClient, meta: RawSocket) {
    this.text = text;
    this.#binary = binary;
    this.#meta = meta;
  }

  static async to(port: number): Promise<Door> {
    return new Door(
      await TextClient.connect(port),
      await BinaryClient.connect(port),
      await RawSocket.connect(port),
    );
  }

  /** The answer to some meta commands. */
  async meta(lines: string): Promise<string> {
    await this.#meta.send(`${lines}mn\r\n`);
    return until('the answer to mn', () => {
      const answer = this.#meta.received.slice(this.#metaFrom);
      if (!answer.endsWith('MN\r\n')) return null;
      this.#metaFrom += answer.length;
      return answer;
    });
  }

  async binary(opcode: number, fields: Parameters<typeof binaryPacket>[1]): Promise<unknown> {
    return (await this.#binary.ask(binaryPacket(opcode, fields))).map((reply) => ({ ...reply, opaque: 0 }));
  }

  /** What all reads of a key say that a copy may answer. */
  async read(key: string) {
    return {
      text: await this.text.get(key),
      several: await this.text.ask(`get ${key} none`),
      meta: await this.meta(
        `mg ${key} s v f c O12\r\nmg ${key} v\r\nmg ${key} v q\r\nmg ${key} f c\r\nmg ${key}\r\n`,
      ),
      get: await this.binary(OPCODE.get, { key, opaque: 5 }),
      quiet: await this.binary(OPCODE.getQ, { key, opaque: 6 }),
      withKey: await this.binary(OPCODE.getK, { key }),
    };
  }

  close(): void {
    this.text.close();
    this.#binary.close();
    this.#meta.vanish(false);
  }
}

for (const transport of TRANSPORTS)
  describe(`a near cache between all protocols and a node, on the ${transport} transport`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
    let node: Server;
    let proxy: Running;
    let direct: Door;
    let proxied: Door;

    before(async () => {
      node = await startNode(['-m', '16']);
      const [port = 0] = await freePorts(1);
      const path = join(folder, 'proxy.yaml');
      // What is stale would be stale for long enough to be seen.
      writeFileSync(
        path,
        `listen: 127.0.0.1:${port}\ndefaults: { request-timeout: 20s, connect-timeout: 20s }\npools:\n  a: { servers: ["127.0.0.1:${node.port}"] }\nroute: { type: near-cache, ttl: 10s, hot-gets: 0, route: a }\n`,
      );
      proxy = twincached(['proxy', '-c', path], { TWINCACHED_TRANSPORT: transport });
      await until('an open port', async () => (await TextClient.connect(port)).close() ?? true);
      direct = await Door.to(node.port);
      proxied = await Door.to(port);
    });
    after(async () => {
      direct?.close();
      proxied?.close();
      await proxy?.kill('SIGKILL');
      await node?.process.kill();
      rmSync(folder, { recursive: true, force: true });
    });

    /** Reads until a copy is there for each of the protocols. */
    const keep = async (key: string): Promise<void> => {
      for (let i = 0; i < 3; i++) await proxied.read(key);
    };

    test('a copy answers meta and binary reads as the node would, also when the node has another value by now', async () => {
      assert.equal(await direct.text.ask('set k 7 0 3\r\nold'), 'STORED\r\n');
      const old = await direct.read('k');
      await keep('k');
      const hits = async (): Promise<number> => Number((await proxied.text.stats()).get('near_cache_hits'));
      const before = await hits();
      assert.deepEqual(await proxied.read('k'), old);
      assert.ok((await hits()) - before >= 6, 'it was the copy that answered');
      assert.equal(await direct.text.set('k', 'newer'), 'STORED');
      assert.deepEqual(await proxied.binary(OPCODE.get, { key: 'k', opaque: 5 }), old.get);
      assert.match(await proxied.meta('mg k s v f c O12\r\n'), /old\r\nMN\r\n$/);
      assert.equal(await proxied.text.get('k'), 'old');
    });

    const writes: readonly (readonly [name: string, write: (key: string) => Promise<unknown>])[] = [
      ['set', (key) => proxied.text.set(key, '2')],
      ['ms', (key) => proxied.meta(`ms ${key} 1\r\n2\r\n`)],
      ['ms, quiet', (key) => proxied.meta(`ms ${key} 1 q\r\n2\r\n`)],
      ['ma', (key) => proxied.meta(`ma ${key}\r\n`)],
      ['md', (key) => proxied.meta(`md ${key}\r\n`)],
      ['mg that touches', (key) => proxied.meta(`mg ${key} v T30\r\n`)],
      ['md that makes stale', (key) => proxied.meta(`md ${key} I T30\r\n`)],
      ['binary set', (key) => proxied.binary(OPCODE.set, { key, extras: FLAGS_AND_EXPTIME, value: '2' })],
      [
        'binary quiet set',
        (key) => proxied.binary(OPCODE.setQ, { key, extras: FLAGS_AND_EXPTIME, value: '2' }),
      ],
      ['binary append', (key) => proxied.binary(OPCODE.append, { key, value: '2' })],
      [
        'binary increment',
        (key) =>
          proxied.binary(OPCODE.increment, {
            key,
            extras: bigEndian(1, 8) + bigEndian(0, 8) + bigEndian(0, 4),
          }),
      ],
      ['binary delete', (key) => proxied.binary(OPCODE.delete, { key })],
      ['binary touch', (key) => proxied.binary(OPCODE.touch, { key, extras: bigEndian(30, 4) })],
    ];

    test('a write by any protocol is seen by the next read of each', async () => {
      for (const [name, write] of writes) {
        const key = `w:${name.replaceAll(/\W/g, '')}`;
        assert.equal(await direct.text.ask(`set ${key} 7 0 1\r\n1`), 'STORED\r\n', name);
        await keep(key);
        assert.equal(await proxied.text.get(key), '1', name);
        await write(key);
        // A stale item is won by whoever asks first; all others are told so.
        await direct.meta(`mg ${key}\r\n`);
        const asked = await direct.read(key);
        assert.deepEqual(await proxied.read(key), asked, name);
      }
    });
  });
