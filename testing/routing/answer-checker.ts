import assert from 'node:assert/strict';
import type { WorldClient } from '../route-world.ts';

interface Asked {
  readonly words: readonly string[];
  readonly sentMs: number;
}

const SHAPES: Readonly<Record<string, RegExp>> = {
  set: /^(STORED|NOT_STORED)$/,
  add: /^(STORED|NOT_STORED)$/,
  append: /^(STORED|NOT_STORED)$/,
  delete: /^(DELETED|NOT_FOUND)$/,
  touch: /^(TOUCHED|NOT_FOUND)$/,
  incr: /^(NOT_FOUND|\d+)$/,
  mn: /^MN$/,
  mg: /^(HD t-?\d+|EN|ERROR)$/,
};

/** Errors that routing may have to answer with. */
const ROUTING_ERROR = /^SERVER_ERROR (CAN NOT CONNECT|BACKEND SERVER|OUT OF MEMORY|NO ROUTE|CLOSED)/;

/** The keys that hold numbers. */
export const NUMBER_KEY: RegExp = /(^|\/)n\d$/;

/** A client that knows what it has asked, and checks that each answer is one to its oldest request. */
export class AnswerChecker {
  readonly asked: Asked[] = [];
  readonly client: WorldClient;
  answers = 0;
  errors = 0;
  slowestMs = 0;
  #text = '';

  constructor(client: WorldClient) {
    this.client = client;
  }

  ask(text: string, words: readonly string[], nowMs: number): void {
    if (words.length > 0) this.asked.push({ words, sentMs: nowMs });
    this.client.send(text);
  }

  /** Takes complete answers off; fails on one that cannot belong to the oldest request. */
  check(nowMs: number): void {
    this.#text += this.client.take();
    for (let oldest = this.asked[0]; oldest !== undefined; oldest = this.asked[0]) {
      const length = this.#answerLength(oldest.words, this.#text);
      if (length < 0) break;
      this.#text = this.#text.slice(length);
      this.asked.shift();
      this.answers++;
      this.slowestMs = Math.max(this.slowestMs, nowMs - oldest.sentMs);
    }
    if (this.asked.length === 0 && !this.client.gone)
      assert.equal(this.#text, '', 'more answers than requests');
  }

  /** Length of the first answer in the text, -1 when it is not complete. */
  #answerLength(words: readonly string[], text: string): number {
    const verb = words[0]!;
    let at = 0;
    let keyAt = 1;
    for (;;) {
      const lineEnd = text.indexOf('\r\n', at);
      if (lineEnd < 0) return -1;
      const line = text.slice(at, lineEnd);
      if (ROUTING_ERROR.test(line)) {
        this.errors++;
        return lineEnd + 2;
      }
      if (!/^gets?$/.test(verb)) {
        assert.match(line, SHAPES[verb]!, `the answer to ${words.join(' ')}`);
        return lineEnd + 2;
      }
      if (line === 'END') return lineEnd + 2;
      const value = /^VALUE (\S+) \d+ (\d+)( \d+)?$/.exec(line);
      assert.ok(value !== null, `${JSON.stringify(line)} is no answer to ${words.join(' ')}`);
      assert.equal(value[3] !== undefined, verb === 'gets', 'a cas token where one is asked for');
      const key = value[1]!;
      while (keyAt < words.length && words[keyAt] !== key) keyAt++;
      assert.ok(keyAt < words.length, `${key} out of turn in the answer to ${words.join(' ')}`);
      keyAt++;
      const length = Number(value[2]);
      const data = text.slice(lineEnd + 2, lineEnd + 2 + length + 2);
      if (data.length < length + 2) return -1;
      const own = NUMBER_KEY.test(key)
        ? /^\d+\r\n$/
        : new RegExp(`^(${key.replace(/[|{}]/g, '\\$&')}:[0-9]+\\.)+\\r\\n$`);
      assert.match(data, own, `a value of ${key}`);
      at = lineEnd + 2 + data.length;
    }
  }
}
