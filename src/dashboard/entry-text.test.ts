import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlTree } from '../../testing/control-entries.ts';
import { FakeEntries } from '../../testing/fake-entries.ts';
import { EMPTY_SAMPLE } from '../checks/sample.ts';
import { statusRows } from './entry-text.ts';

test('what answers is shown as such, also where nobody says how long it took', () => {
  const control = new FakeEntries(
    controlTree('check host h with address 127.0.0.1 if failed ping then alert if failed port 1 then alert')
      .services,
  );
  const shown = (responseMs: number | null): string[] => {
    const outcome = { isOk: true, text: '', responseMs };
    const probes = new Map([
      [0, outcome],
      [1, outcome],
    ]);
    control.different.set('h', { sample: { ...EMPTY_SAMPLE, exists: true, probes } });
    const [status] = control.entries();
    assert.ok(status !== undefined);
    return statusRows(status).flatMap(([label, value]) => (label.endsWith('response time') ? [value] : []));
  };
  assert.deepEqual(shown(1.5), ['1.500 ms', '1.500 ms to 127.0.0.1:1 type TCP/IP protocol DEFAULT']);
  assert.deepEqual(shown(null), ['OK', 'OK to 127.0.0.1:1 type TCP/IP protocol DEFAULT']);
});
