import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AS_ROOT, run, TWINCACHED } from '../../testing/processes.ts';

const skip = process.platform === 'linux' ? false : 'limits address space as Linux does';

test('memory that the system does not give is one line, not a crash', { skip }, async () => {
  const words = ['memcached', ...AS_ROOT, '-l', '127.0.0.1', '-p', '-1', '-m', '30000'];
  const node = run('sh', ['-c', `ulimit -v 20000000; exec "$0" "$@"`, TWINCACHED, ...words]);
  assert.equal(await node.ended(), 1);
  assert.match(node.stderr(), /^(\S+: )?the system has no room for a cache of 30000 MB \(-m\)\n$/);
});
