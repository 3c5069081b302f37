import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERB } from '../protocol/text/verbs.ts';
import { ClientUpload, RETRIEVAL_LINE_BYTES_MAX, type UploadReceiver } from './client-upload.ts';
import type { Request } from './request.ts';
import { RequestPool } from './request-pool.ts';
import { Uploads } from './uploads.ts';

const GRANTED_MS = 1000;

/** A client that is in the middle of something, and what it has come to. */
class Sender implements UploadReceiver {
  nowMs = 0;
  readonly uploads: Uploads = new Uploads(GRANTED_MS, () => this.nowMs);
  readonly requests: RequestPool;
  readonly upload: ClientUpload;
  readonly told: string[] = [];

  constructor(bufferBytesMax: number = 1 << 24) {
    this.requests = new RequestPool(bufferBytesMax, this.uploads);
    this.upload = new ClientUpload(this, this.requests);
  }

  /** A request of which nothing but its value is to come. */
  begin(line: string): Request {
    const request = this.requests.acquire(null, VERB.set, false);
    const bytes = Buffer.from(line);
    assert.ok(request.reserve(bytes.length));
    request.append(bytes, 0, bytes.length);
    return request;
  }

  /** Offers bytes as a session is offered them. @returns what was not taken */
  send(text: string): string {
    const input = Buffer.from(text);
    let at = 0;
    while (at < input.length && this.upload.isInValue) at = this.upload.takeValue(input, at, input.length);
    return text.slice(at);
  }

  submit(request: Request): void {
    this.told.push(`submit ${text(request)}`);
    this.requests.release(request);
  }

  badValue(request: Request): boolean {
    this.told.push(`bad ${text(request)}`);
    return true;
  }

  noMemoryFor(_: Request, isBinary: boolean): void {
    this.told.push(isBinary ? 'no memory, binary' : 'no memory');
  }

  lineCollected(line: Request): void {
    this.told.push(`line of ${line.length}`);
  }

  lineGivenUp(): void {
    this.told.push('line given up');
  }

  nothingLeft(): void {
    assert.deepEqual(
      [this.requests.live, this.requests.budget.used, this.uploads.count, this.upload.isInLine],
      [0, 0, 0, false],
    );
  }
}

function text(request: Request): string {
  return Buffer.from(request.bytes.subarray(0, request.length)).toString('latin1');
}

test('a value is whole with its line end, in however many pieces it comes, and what follows is left', () => {
  const sender = new Sender();
  for (const pieces of [['abc\r\nget x'], ['a', 'bc', '\r', '\nget x'], ['abc\r', '\nget x']]) {
    sender.upload.beginValue(sender.begin('set k 0 0 3\r\n'), 3);
    const rests = pieces.map((piece) => sender.send(piece));
    assert.equal(rests.join(''), 'get x');
  }
  sender.upload.beginBinaryValue(sender.begin('ms k 3\r\n'), 3);
  assert.equal(sender.send('a') + sender.send('bcX'), 'X', 'it has no line end of its own');
  sender.upload.beginBinaryValue(sender.begin('ms k 0\r\n'), 0);
  assert.deepEqual(sender.told, [
    ...Array.from({ length: 3 }, () => 'submit set k 0 0 3\r\nabc\r\n'),
    'submit ms k 3\r\nabc\r\n',
    'submit ms k 0\r\n\r\n',
  ]);
  sender.nothingLeft();
});

test('a value without its line end is not sent on', () => {
  const sender = new Sender();
  sender.upload.beginValue(sender.begin('set k 0 0 3\r\n'), 3);
  assert.equal(sender.send('abcd\nget x'), 'get x');
  assert.deepEqual(sender.told, ['bad set k 0 0 3\r\nabcd\n']);
  sender.nothingLeft();
});

test('what made room is dropped to its end, after the time that it is granted', () => {
  const sender = new Sender();
  sender.upload.beginBinaryValue(sender.begin('ms k 900\r\n'), 900);
  sender.send('x'.repeat(600));
  assert.equal(sender.uploads.relieve(null), false, 'it has its time');
  sender.nowMs = GRANTED_MS;
  assert.equal(sender.uploads.relieve(sender.upload.collecting), false, 'it would be no help to itself');
  assert.equal(sender.uploads.relieve(null), true);
  assert.equal(sender.requests.live, 0);
  assert.equal(sender.send(`${'x'.repeat(300)}get x`), 'get x');
  assert.deepEqual(sender.told, ['no memory, binary']);
  sender.upload.beginValue(sender.begin('set k 0 0 1\r\n'), 1);
  sender.send('1\r\n');
  assert.equal(sender.told[1], 'submit set k 0 0 1\r\n1\r\n', 'the next one is as any other');
  sender.nothingLeft();
});

test('a value for which there is no memory is dropped while it comes', () => {
  const sender = new Sender(5000);
  sender.upload.beginValue(sender.begin('set k 0 0 9000\r\n'), 9000);
  sender.send('x'.repeat(1000));
  assert.equal(sender.uploads.count, 1);
  assert.equal(sender.send('x'.repeat(5000)), '');
  assert.deepEqual(sender.told, ['no memory']);
  assert.equal(sender.send(`${'x'.repeat(3000)}\r\nget x`), 'get x');
  sender.nothingLeft();
});

test('a long line is collected up to its end, and no further than a line may be', () => {
  const sender = new Sender();
  const piece = Buffer.from(' key'.repeat(10_000));
  const { upload } = sender;
  assert.equal(upload.beginLine(sender.begin(''), piece, 0, piece.length), piece.length);
  const last = Buffer.from(' key\r\nget x');
  assert.equal(upload.takeLine(last, 0, last.length), 6);
  assert.deepEqual(sender.told, [`line of ${piece.length + 6}`]);
  sender.nothingLeft();
  const most = Buffer.alloc(RETRIEVAL_LINE_BYTES_MAX, 'x');
  assert.equal(upload.beginLine(sender.begin(''), most, 0, most.length), most.length);
  assert.equal(upload.takeLine(most, 0, 1), -1);
  upload.abandon();
  sender.nothingLeft();
});

test('a line that makes room ends it all; one whose client has gone leaves nothing', () => {
  const sender = new Sender();
  const piece = Buffer.from('get key');
  sender.upload.beginLine(sender.begin(''), piece, 0, piece.length);
  sender.nowMs = GRANTED_MS;
  assert.equal(sender.uploads.relieve(null), true);
  assert.deepEqual(sender.told, ['line given up']);
  sender.nothingLeft();
  sender.upload.beginLine(sender.begin(''), piece, 0, piece.length);
  sender.upload.abandon();
  sender.nothingLeft();
  sender.upload.beginValue(sender.begin('set k 0 0 9\r\n'), 9);
  sender.send('1');
  sender.upload.abandon();
  sender.nothingLeft();
});
