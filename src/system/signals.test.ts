import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

const MODULE = new URL('./signals.js', import.meta.url).href;

/** Starts a program that follows a plan and prints what it hears; sends it signals one by one, each after a printed line. */
async function converse(
  ignoreHangup: boolean,
  signals: readonly NodeJS.Signals[],
  msBetween = 501,
): Promise<{ heard: string[]; code: number | null; signal: NodeJS.Signals | null }> {
  const program = `
    import { followSignals } from ${JSON.stringify(MODULE)};
    let nowMs = 0;
    followSignals({
      onStop: (signal) => console.log('stop ' + signal),
      onImpatience: (signal) => { console.log('at once ' + signal); process.exit(9); },
      ignoreHangup: ${ignoreHangup},
    }, () => { nowMs += ${msBetween}; return nowMs; });
    console.log('armed');
    setTimeout(() => process.exit(1), ${msBetween > 500 ? 20_000 : 1000});`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const heard: string[] = [];
  const pending = [...signals];
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    for (const line of text.trim().split('\n')) {
      heard.push(line);
      // A hangup that is ignored prints nothing, so it goes together with the next signal.
      for (let signal = pending.shift(); signal !== undefined; signal = pending.shift()) {
        child.kill(signal);
        if (signal !== 'SIGHUP') break;
      }
    }
  });
  const exit = once(child, 'close');
  await exit;
  return { heard: heard.slice(1), code: child.exitCode, signal: child.signalCode };
}

test('the first stop signal stops, the second ends at once', async () => {
  assert.deepEqual(await converse(false, ['SIGTERM', 'SIGINT']), {
    heard: ['stop SIGTERM', 'at once SIGINT'],
    code: 9,
    signal: null,
  });
  assert.deepEqual((await converse(false, ['SIGUSR1', 'SIGTERM'])).heard, [
    'stop SIGUSR1',
    'at once SIGTERM',
  ]);
});

test('the same signal again at once is an echo of the first', async () => {
  const { heard, code } = await converse(false, ['SIGINT', 'SIGINT'], 500);
  assert.deepEqual([heard, code], [['stop SIGINT'], 1]);
});

test('a hangup ends a program in the foreground and not a daemon', async () => {
  assert.deepEqual(await converse(false, ['SIGHUP']), { heard: [], code: null, signal: 'SIGHUP' });
  assert.deepEqual((await converse(true, ['SIGHUP', 'SIGINT', 'SIGINT'])).heard, [
    'stop SIGINT',
    'at once SIGINT',
  ]);
});
