import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PrometheusText } from './prometheus-text.ts';

test('samples of one name stand together under one help and type, in whatever order they come', () => {
  const text = new PrometheusText();
  text.add('a_total', 'counter', 'Of a', { instance: 'x' }, 1);
  text.add('b', 'gauge', 'Of b', {}, 0.5);
  text.add('a_total', 'counter', 'Of a', { instance: 'y', command: 'get' }, 2);
  assert.equal(
    text.toString(),
    '# HELP a_total Of a\n# TYPE a_total counter\na_total{instance="x"} 1\na_total{instance="y",command="get"} 2\n' +
      '# HELP b Of b\n# TYPE b gauge\nb 0.5\n',
  );
});

test('what would end a label or a line too early is escaped', () => {
  const text = new PrometheusText();
  text.add('a', 'gauge', 'One\\two\nthree', { name: 'back\\slash "quoted"\nline' }, 1);
  assert.equal(
    text.toString(),
    '# HELP a One\\\\two\\nthree\n# TYPE a gauge\na{name="back\\\\slash \\"quoted\\"\\nline"} 1\n',
  );
});

test('a sample without a value leaves nothing behind, not even its help', () => {
  const text = new PrometheusText();
  text.add('a', 'gauge', 'Of a', {}, Number.NaN);
  text.add('a', 'gauge', 'Of a', {}, Number.POSITIVE_INFINITY);
  assert.equal(text.toString(), '');
});
