import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../base/session.ts';
import { type Libc, loadLibc } from './libc.ts';
import type { SessionFactory } from './loop.ts';
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

/** Sessions of one reactor that write down what they are fed. */
const PATIENT = 1;
const PLAIN = 2;

test('a patient connection that is busy is looked at before others are served, and is told of again when it is quiet', {
  skip,
}, () => {
  assert.ok(libc !== null);
  const watched: number[] = [];
  const seen: string[] = [];
  let accepted = -1;
  const reactor = new Reactor(
    withCalls(libc, {
      epoll_ctl(epoll, operation, fd, event) {
        if (fd === accepted) watched.push(operation);
        return libc.epoll_ctl(epoll, operation, fd, event);
      },
    }),
    null,
  );
  const noting = (name: string, isPatient: boolean): SessionFactory => {
    return (connection) => {
      if (isPatient) accepted = connection.descriptor;
      return {
        ...(isPatient ? { isPatient } : {}),
        feed(_input, start, end) {
          seen.push(`${name} ${end - start}`);
          return end;
        },
        closed() {},
      };
    };
  };
  reactor.serve(PATIENT, noting('patient', true));
  reactor.serve(PLAIN, noting('plain', false));
  const dialled: Connection[] = [];
  const dial = (service: number): void => {
    const address = { family: 'ipv4', host: '127.0.0.1', port: 0 } as const;
    reactor.listen({ address, backlog: 8, spread: false, hold: false }, service, (outcome) => {
      assert.ok('address' in outcome);
      dialled[service] = reactor.dial(outcome.address, 5000, () => ({
        feed: (_input, _start, end) => end,
        closed() {},
      }));
    });
  };
  const send = (service: number, text: string): void => {
    const connection = dialled[service];
    connection?.output.text(text);
    connection?.flush();
  };
  dial(PATIENT);
  dial(PLAIN);
  const endMs = reactor.clock.monotonicMs() + 20_000;
  let pieces = 0;
  let step = 0;
  const steps = (): void => {
    assert.ok(reactor.clock.monotonicMs() < endMs, `stuck in step ${step}: ${seen.slice(-3)} ${watched}`);
    // 1 is EPOLL_CTL_ADD, 3 EPOLL_CTL_MOD: a second one says that it is no longer watched.
    if (step === 0) {
      if (watched.length < 2) {
        if (accepted >= 0) send(PATIENT, 'x');
        pieces++;
      } else {
        send(PLAIN, 'first');
        send(PATIENT, 'second');
        step = 1;
        seen.length = 0;
      }
    } else if (step === 1 && seen.at(-1)?.startsWith('plain')) {
      assert.deepEqual(
        seen.slice(-2),
        ['patient 6', 'plain 5'],
        'whoever asks is answered by what has come before',
      );
      step = 2;
    } else if (step === 2 && watched.length === 3) {
      seen.length = 0;
      send(PATIENT, 'third');
      step = 3;
    } else if (step === 3 && seen.length === 1) {
      assert.deepEqual(seen, ['patient 5']);
      assert.deepEqual(watched, [1, 3, 3]);
      assert.ok(pieces >= 16);
      reactor.stop();
      return;
    }
    reactor.schedule(0, steps);
  };
  reactor.schedule(0, steps);
  reactor.run();
});

for (const { how, stop, goOn } of [
  {
    how: 'pauses',
    stop: (connection: Connection) => connection.pause(),
    goOn: (connection: Connection) => connection.resume(),
  },
  {
    how: 'waits for its replies to be taken',
    stop: (connection: Connection) => connection.output.text('reply'),
    goOn() {},
  },
]) {
  test(`a patient connection that was busy and ${how} is fed nothing, and keeps no thread awake`, {
    skip,
  }, () => {
    assert.ok(libc !== null);
    let watched = 0;
    let seen = '';
    let step: 'busy' | 'stopping' | 'stopped' | 'going on' = 'busy';
    const reactor = new Reactor(
      withCalls(libc, {
        epoll_ctl(epoll, operation, fd, event) {
          if (fd === accepted?.descriptor) watched++;
          return libc.epoll_ctl(epoll, operation, fd, event);
        },
        // What the peer does not take.
        send(fd, address, bytes, flags) {
          const isFull = step === 'stopping' || step === 'stopped';
          return isFull && fd === accepted?.descriptor ? 0 : libc.send(fd, address, bytes, flags);
        },
        epoll_wait(epoll, events, eventsMax, timeoutMs) {
          if (step !== 'stopped' || timeoutMs <= 1)
            return libc.epoll_wait(epoll, events, eventsMax, timeoutMs);
          // It would sleep for longer than a paced connection is left alone.
          assert.ok(accepted !== null);
          step = 'going on';
          goOn(accepted);
          return libc.epoll_wait(epoll, events, eventsMax, 0);
        },
      }),
      null,
    );
    let accepted: Connection | null = null;
    let dialled: Connection | null = null;
    reactor.serve(PATIENT, (connection) => {
      accepted = connection;
      return {
        isPatient: true,
        feed(input, start, end) {
          assert.notEqual(step, 'stopped', 'it was fed');
          seen += Buffer.from(input.subarray(start, end)).toString('latin1');
          if (seen.endsWith('late')) reactor.stop();
          return end;
        },
        closed() {},
      };
    });
    const address = { family: 'ipv4', host: '127.0.0.1', port: 0 } as const;
    reactor.listen({ address, backlog: 8, spread: false, hold: false }, PATIENT, (outcome) => {
      assert.ok('address' in outcome);
      dialled = reactor.dial(outcome.address, 5000, () => ({
        feed: (_input, _start, end) => end,
        closed() {},
      }));
    });
    const send = (text: string): void => {
      dialled?.output.text(text);
      dialled?.flush();
    };
    const steps = (): void => {
      // A second call says that it is no longer told of.
      if (watched >= 2 && accepted !== null) {
        step = 'stopping';
        stop(accepted);
        accepted.flush();
        // In the next turn: it is sent at the end of this one.
        reactor.schedule(0, () => {
          step = 'stopped';
          send('late');
        });
        return;
      }
      if (accepted !== null) send('x');
      reactor.schedule(0, steps);
    };
    reactor.schedule(20_000, () => {
      reactor.stop();
      assert.fail(`it stays ${step}`);
    });
    reactor.schedule(0, steps);
    reactor.run();
    assert.equal(step, 'going on');
    assert.ok(seen.endsWith('late'));
  });
}

for (const requestBytes of [100, 5000, 100_000]) {
  test(`what others must have before the reply to a request of ${requestBytes} bytes goes before it`, {
    skip,
  }, () => {
    assert.ok(libc !== null);
    const ROUNDS = 20;
    const sent: string[] = [];
    const names = new Map<number, string>();
    const reactor = new Reactor(
      withCalls(libc, {
        send(fd, address, bytes, flags) {
          const name = names.get(fd);
          if (name !== undefined) sent.push(name);
          return libc.send(fd, address, bytes, flags);
        },
      }),
      null,
    );
    let taken = 0;
    let isChanged = false;
    reactor.serve(PLAIN, (connection) => {
      names.set(connection.descriptor, 'reply');
      return {
        feed(_input, start, end) {
          taken += end - start;
          if (taken === requestBytes) {
            taken = 0;
            isChanged = true;
            connection.output.text('stored');
          }
          return end;
        },
        closed() {},
      };
    });
    reactor.serve(PATIENT, () => ({ feed: (_input, _start, end) => end, closed() {} }));
    const listenAndDial = (
      service: number,
      opened: (connection: Connection) => void,
      fed = (): void => {},
    ): void => {
      const address = { family: 'ipv4', host: '127.0.0.1', port: 0 } as const;
      reactor.listen({ address, backlog: 8, spread: false, hold: false }, service, (outcome) => {
        assert.ok('address' in outcome);
        reactor.dial(outcome.address, 5000, (connection) => ({
          opened: () => opened(connection),
          feed(_input, _start, end) {
            fed();
            return end;
          },
          closed() {},
        }));
      });
    };
    let rounds = 0;
    listenAndDial(PATIENT, (link) => {
      names.set(link.descriptor, 'change');
      reactor.onRepliesDue(() => {
        if (!isChanged) return;
        isChanged = false;
        link.output.text('a change');
        link.flush();
      });
      let ask = (): void => {};
      listenAndDial(
        PLAIN,
        (client) => {
          ask = () => {
            client.output.text('x'.repeat(requestBytes));
            client.flush();
          };
          ask();
        },
        () => {
          if (++rounds === ROUNDS) reactor.stop();
          else ask();
        },
      );
    });
    reactor.schedule(20_000, () => {
      reactor.stop();
      assert.fail(`${rounds} rounds: ${sent.slice(-4)}`);
    });
    reactor.run();
    assert.deepEqual(sent, Array.from({ length: ROUNDS }, () => ['change', 'reply']).flat());
  });
}
