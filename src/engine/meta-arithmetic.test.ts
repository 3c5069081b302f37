import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { MemoryConnection } from '../../testing/memory-connection.ts';
import { memoryNodeContext } from '../../testing/node-context.ts';
import { MetaRequest, parseMetaRequest } from '../protocol/text/meta-request.ts';
import { VERB } from '../protocol/text/verbs.ts';
import { RESULT } from '../store/cache.ts';
import { MetaArithmetic } from './meta-arithmetic.ts';
import type { NodeContext } from './node-context.ts';

/** @returns the reply to `ma` with these words */
function ask(context: NodeContext, words: string): string {
  const connection = new MemoryConnection();
  const input = Buffer.from(words);
  const request = new MetaRequest();
  parseMetaRequest(input, VERB.metaArithmetic, 0, input.length, request);
  new MetaArithmetic(context, connection.output).run(request, input);
  return connection.take();
}

/** Lets another client make the item, or take it away, each time that it is to be made or changed. */
function loseRaces(t: TestContext, { cache }: NodeContext, races: number): () => number {
  const change = t.mock.method(cache, 'arithmetic', cache.arithmetic.bind(cache));
  const make = t.mock.method(cache.meta, 'createNumber', cache.meta.createNumber.bind(cache.meta));
  for (let race = 0; race < races; race++) {
    change.mock.mockImplementationOnce(() => RESULT.notFound, race);
    make.mock.mockImplementationOnce(() => RESULT.notStored, race);
  }
  return () => change.mock.callCount();
}

test('a number is changed, or made where N asks for it', () => {
  const context = memoryNodeContext();
  assert.equal(ask(context, 'n'), 'NF\r\n');
  assert.equal(ask(context, 'n N0 J5 v'), 'VA 1\r\n5\r\n');
  assert.equal(ask(context, 'n N0 J5 v'), 'VA 1\r\n6\r\n');
  assert.equal(ask(context, 'n MD D10 v t'), 'VA 1 t-1\r\n0\r\n');
  assert.equal(ask(context, 'n MX'), 'CLIENT_ERROR invalid mode for ma M token\r\n');
});

test('who loses a race for the item goes on with what is there', (t) => {
  const context = memoryNodeContext();
  ask(context, 'n N0 J7');
  const tries = loseRaces(t, context, 3);
  assert.equal(ask(context, 'n N0 J1 v'), 'VA 1\r\n8\r\n');
  assert.equal(tries(), 4);
});

test('who loses eight is told that nothing was stored', (t) => {
  const context = memoryNodeContext();
  const tries = loseRaces(t, context, 100);
  assert.equal(ask(context, 'n N0 J1 v O1 k'), 'NS O1 kn\r\n');
  assert.equal(tries(), 8);
});
