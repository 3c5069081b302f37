import { connect } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { DIALECTS, LoadConnection } from './load-connection.ts';

/** What the thread of equal clients is told. */
export interface FairnessOrder {
  readonly port: number;
  readonly clients: number;
  /** Clients that send requests without end and wait for nothing, each over one connection. */
  readonly pipeliners: number;
  /** All end when one of the equal clients has had so many answers, and the pipeliners have sent so much. */
  readonly answersMax: number;
  readonly pipelinedBytes: number;
}

export interface FairnessReport {
  /** Of each equal client. */
  readonly answers: readonly number[];
  /** Bytes of requests that each pipeliner has sent, and of replies that it has got. */
  readonly pipelined: readonly { readonly sent: number; readonly received: number }[];
}

const KEY = 'fair';
const VALUE = Buffer.from('v'.repeat(100));

/** Sends gets in pieces of 64 KiB as fast as they are taken, until it is told to end. */
class Pipeliner {
  sent = 0;
  received = 0;
  #isOver = false;
  readonly #socket: ReturnType<typeof connect>;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (piece: Buffer) => {
      this.received += piece.length;
    });
    const piece = Buffer.from(`get ${KEY}\r\n`.repeat(6500));
    const send = (): void => {
      if (this.#isOver) return;
      this.#socket.write(piece, () => {
        this.sent += piece.length;
        send();
      });
    };
    send();
  }

  end(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }
}

async function run(order: FairnessOrder): Promise<FairnessReport> {
  const connections = await Promise.all(
    Array.from({ length: order.clients }, () => LoadConnection.open(order.port, DIALECTS.text)),
  );
  await connections[0]?.ask({ kind: 'set', key: KEY, value: VALUE });
  const pipeliners = Array.from({ length: order.pipeliners }, () => new Pipeliner(order.port));
  const answers = connections.map(() => 0);
  const isOver = (): boolean =>
    Math.max(...answers) >= order.answersMax && pipeliners.every(({ sent }) => sent >= order.pipelinedBytes);
  await Promise.all(
    connections.map(async (connection, i) => {
      while (!isOver()) {
        await connection.ask({ kind: 'get', keys: [KEY] });
        answers[i]!++;
      }
      await connection.close();
    }),
  );
  const pipelined = pipeliners.map(({ sent, received }) => ({ sent, received }));
  for (const pipeliner of pipeliners) pipeliner.end();
  return { answers, pipelined };
}

function isOrder(data: unknown): data is FairnessOrder {
  return typeof data === 'object' && data !== null && 'port' in data && 'pipelinedBytes' in data;
}

if (parentPort !== null && isOrder(workerData)) parentPort.postMessage(await run(workerData));
