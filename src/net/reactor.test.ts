import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Libc, loadLibc } from './libc.ts';
import { Reactor } from './reactor.ts';

const libc = loadLibc();
const skip = libc === null ? 'there is no reactor here' : false;

/** The real calls, with some in their place. */
function withCalls(real: Libc, calls: Partial<Libc>): Libc {
  return { ...real, ...calls };
}

test('a callback that is due at once is not waited for', { skip }, () => {
  assert.ok(libc !== null);
  const waits: number[] = [];
  const reactor = new Reactor(
    withCalls(libc, {
      epoll_wait(epoll, events, eventsMax, timeoutMs) {
        waits.push(timeoutMs);
        return libc.epoll_wait(epoll, events, eventsMax, timeoutMs);
      },
    }),
    null,
  );
  let calls = 0;
  const again = (): void => {
    if (++calls === 20) reactor.stop();
    else reactor.schedule(0, again);
  };
  reactor.schedule(0, again);
  reactor.run();
  assert.deepEqual(waits, new Array<number>(20).fill(0), 'one turn for each, and none of them waits');
});

test('a wait is counted from now, not from the beginning of a turn that took long', { skip }, () => {
  assert.ok(libc !== null);
  const waits: number[] = [];
  const reactor = new Reactor(
    withCalls(libc, {
      epoll_wait(epoll, events, eventsMax, timeoutMs) {
        waits.push(timeoutMs);
        return libc.epoll_wait(epoll, events, eventsMax, timeoutMs);
      },
    }),
    null,
  );
  reactor.schedule(0, () => {
    const start = reactor.turnMs;
    while (reactor.clock.monotonicMs() < start + 20);
    reactor.schedule(5, () => reactor.stop());
  });
  reactor.run();
  const longest = Math.max(...waits);
  assert.ok(longest === 5 || longest === 6, `waited for ${longest} ms`);
});
