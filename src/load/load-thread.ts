import { seededRandom } from '../base/random.ts';
import { runDataThread } from '../net/data-threads.ts';
import { Latencies } from './latencies.ts';
import { type FromLoadThread, isLoadThreadData, isToLoadThread } from './load-plan.ts';
import { LoadSession, LoadShared } from './load-session.ts';

const CONNECT_TIMEOUT_MS = 5000;

/** The client side of a measurement, in a thread of its own on the same transport as the servers. */
runDataThread((thread) => {
  const { data, loop } = thread;
  if (!isLoadThreadData(data)) throw new Error('a load thread was started without its plan');
  const post = (message: FromLoadThread): void => thread.post(message);
  const { plan, requestsPerSecond, silenceMsMax } = data;
  const latencies = new Latencies();
  const nowMicros = (): number => loop.clock.monotonicMs() * 1000;
  const shared = new LoadShared(
    plan,
    seededRandom(data.seed + thread.index * 0x10000),
    latencies,
    requestsPerSecond !== null,
    nowMicros,
    (message) => post({ kind: 'wrong', message }),
  );
  const sessions: LoadSession[] = [];
  let filled = 0;
  const onFilled = (): void => {
    filled++;
    if (filled < plan.connections) return;
    for (const session of sessions) session.begin();
    if (requestsPerSecond !== null) pace(requestsPerSecond / thread.count);
    post({ kind: 'running' });
  };
  /**
   * An open loop: requests are due at even distances, on the connections in turn. The thread never sleeps meanwhile, because epoll's timeouts are
   * whole milliseconds, and requests that come sixty at a time would measure the queue that the client made.
   */
  const pace = (rate: number): void => {
    const startMicros = nowMicros();
    let sent = 0;
    const sendDue = (): void => {
      if (shared.isStopping) return;
      const now = nowMicros();
      for (;;) {
        const dueMicros = startMicros + (sent * 1e6) / rate;
        if (dueMicros > now || sessions[sent % sessions.length]?.sendDue(dueMicros) !== true) break;
        sent++;
      }
      loop.schedule(0, sendDue);
    };
    sendDue();
  };
  const share = plan.keys / plan.connections;
  for (let i = 0; i < plan.connections; i++) {
    loop.dial(data.server, CONNECT_TIMEOUT_MS, (connection) => {
      const session = new LoadSession(
        shared,
        connection,
        Math.floor(i * share),
        Math.floor((i + 1) * share),
        onFilled,
      );
      sessions.push(session);
      return session;
    });
  }
  let repliesBefore = -1;
  const watch = (): void => {
    if (shared.isStopping) return;
    if (shared.replies === repliesBefore)
      post({ kind: 'wrong', message: `no reply within ${silenceMsMax / 1000} s` });
    repliesBefore = shared.replies;
    loop.schedule(silenceMsMax, watch);
  };
  watch();
  thread.onMessage((message) => {
    if (!isToLoadThread(message)) return;
    if (message.kind === 'stop') {
      shared.isStopping = true;
      return;
    }
    latencies.clear();
    shared.requests = 0;
    shared.isMeasuring = true;
    const startMs = loop.clock.monotonicMs();
    post({ kind: 'begun' });
    loop.schedule(message.seconds * 1000, () => {
      shared.isMeasuring = false;
      post({
        kind: 'figures',
        requests: shared.requests,
        seconds: (loop.clock.monotonicMs() - startMs) / 1000,
        p50Micros: latencies.percentile(0.5),
        p99Micros: latencies.percentile(0.99),
        p999Micros: latencies.percentile(0.999),
      });
    });
  });
});
