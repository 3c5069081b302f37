import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Output } from '../base/output.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { ClientPipeline } from './client-pipeline.ts';
import type { Request } from './request.ts';
import { KEEPER, type RequestOwner } from './request-owner.ts';
import { RequestPool } from './request-pool.ts';
import { ROUTING_SETTINGS_DEFAULT } from './settings.ts';
import { UnreadAllowance } from './unread-allowance.ts';
import { Uploads } from './uploads.ts';

const BACKLOG_BYTES_MAX = 100;

/** A client, the answers that have come to it, and its pipeline of at most four requests or a hundred bytes. */
class Client {
  readonly output: Output = new Output({ makeRoom: () => assert.fail('nothing is written here') });
  readonly requests: RequestPool = new RequestPool(1 << 20, new Uploads(0, () => 0));
  readonly pipeline: ClientPipeline;
  readonly owner: RequestOwner;
  answers = '';

  constructor() {
    const settings = {
      ...ROUTING_SETTINGS_DEFAULT,
      pipelineMax: 4,
      pipelineBytesMax: 100,
      clientBacklogBytesMax: BACKLOG_BYTES_MAX,
    };
    const host = { settings, requests: this.requests, nowMs: () => 0 };
    this.pipeline = new ClientPipeline(host, new UnreadAllowance(this.output, host));
    this.owner = {
      ...KEEPER,
      write: (source, from, to) => {
        this.answers += Buffer.from(source.subarray(from, to)).toString('latin1');
      },
      headProgressed: () => this.pipeline.advance(),
    };
  }

  ask(bytes: number): Request {
    const request = this.requests.acquire(this.owner, VERB.delete, false);
    assert.ok(request.reserve(bytes));
    request.append(new Uint8Array(bytes), 0, bytes);
    this.pipeline.push(request);
    return request;
  }
}

function answer(request: Request, line: string): void {
  request.answer(Buffer.from(line), 0, line.length);
}

test('answers go back in the order of the requests, whichever comes first', () => {
  const client = new Client();
  const [first, second, third] = [client.ask(1), client.ask(1), client.ask(1)];
  assert.equal(client.pipeline.oldest, first);
  answer(third, '3');
  answer(second, '2');
  assert.equal(client.answers, '');
  answer(first, '1');
  assert.equal(client.answers, '123');
  assert.ok(client.pipeline.isEmpty);
  assert.equal(client.requests.live, 0);
});

test('it is full at its number and at its bytes, and has room when half of both is free', () => {
  const client = new Client();
  const { pipeline } = client;
  const asked = [client.ask(1), client.ask(1), client.ask(1)];
  assert.equal(pipeline.isFull, false);
  asked.push(client.ask(1));
  assert.equal(pipeline.isFull, true);
  answer(asked[0]!, '1');
  assert.deepEqual([pipeline.isFull, pipeline.hasRoom], [false, false], 'not at each answer');
  answer(asked[1]!, '2');
  assert.equal(pipeline.hasRoom, true);
  answer(asked[2]!, '3');
  answer(asked[3]!, '4');
  const long = [client.ask(51), client.ask(48)];
  assert.equal(pipeline.isFull, false);
  const last = client.ask(1);
  assert.equal(pipeline.isFull, true);
  answer(long[0]!, '5');
  assert.deepEqual([pipeline.isFull, pipeline.hasRoom], [false, true]);
  answer(long[1]!, '6');
  answer(last, '7');
  assert.equal(client.answers, '1234567');
});

test('whole answers wait for a client that leaves too much unread', () => {
  const client = new Client();
  const [first, second, third] = [client.ask(1), client.ask(1), client.ask(1)];
  answer(third, '3');
  answer(second, '2');
  client.output.pendingBytes = BACKLOG_BYTES_MAX + 1;
  answer(first, '1');
  assert.equal(client.answers, '1');
  client.output.pendingBytes = 0;
  client.pipeline.advance();
  assert.equal(client.answers, '123');
});

test('a client that goes leaves nothing; what a proxy had asked for is void', () => {
  for (const isProxy of [false, true]) {
    const client = new Client();
    const asked = [client.ask(60), client.ask(40)];
    // A call is still at work for them.
    for (const request of asked) request.references++;
    client.pipeline.abandon(isProxy);
    assert.ok(client.pipeline.isEmpty);
    assert.deepEqual(
      asked.map(({ owner, isVoid }) => [owner, isVoid]),
      [
        [null, isProxy],
        [null, isProxy],
      ],
    );
    for (const request of asked) client.requests.release(request);
    assert.equal(client.requests.live, 0);
  }
});
