import { ControlError } from './control-error.ts';
import type { Cursor } from './cursor.ts';
import { parseProgramCall } from './program-calls.ts';
import type { Action, Reaction } from './tree.ts';

/** Most cycles that a test can look back. */
const WINDOW_CYCLES_MAX = 64;

const ALERT: Action = { kind: 'alert' };

/** `alert`, `restart`, `exec "..."`, ...; `timeout` is an older word for `unmonitor`. */
export function parseAction(cursor: Cursor): Action {
  const word = cursor.expectWord('alert', 'restart', 'start', 'stop', 'exec', 'unmonitor', 'timeout');
  switch (word) {
    case 'restart':
    case 'start':
    case 'stop':
    case 'unmonitor':
      return { kind: word };
    case 'timeout':
      return { kind: 'unmonitor' };
    case 'exec': {
      const call = parseProgramCall(cursor, 'exec');
      let repeatCycles = 0;
      if (cursor.takeWord('repeat') !== null) {
        cursor.expectWord('every');
        repeatCycles = cursor.takeWhole()?.value ?? 1;
        cursor.expectWord('cycle', 'cycles');
      }
      return { kind: 'exec', call, repeatCycles };
    }
    default:
      return ALERT;
  }
}

/** `[for] X cycles`, `[for] X [times] [within] Y cycles`, or nothing. */
export function parseWindow(cursor: Cursor): { readonly times: number; readonly cycles: number } {
  const first = cursor.takeWhole();
  if (first === null) return { times: 1, cycles: 1 };
  if (cursor.takeWord('cycle', 'cycles') !== null) {
    checkCycles(cursor, first.value, first.token.text);
    return { times: first.value, cycles: first.value };
  }
  cursor.takeWord('times', 'time');
  const second = cursor.takeWhole() ?? cursor.fail('expected a number of cycles');
  cursor.expectWord('cycle', 'cycles');
  checkCycles(cursor, second.value, second.token.text);
  if (first.value < 1 || first.value > second.value)
    throw new ControlError(
      second.token.place,
      `the number of times must be between 1 and the number of cycles, which is ${second.value}`,
      first.token.text,
    );
  return { times: first.value, cycles: second.value };
}

function checkCycles(cursor: Cursor, cycles: number, text: string): void {
  if (cycles < 1 || cycles > WINDOW_CYCLES_MAX)
    throw new ControlError(
      cursor.place,
      `The number of cycles must be between 1 and ${WINDOW_CYCLES_MAX}`,
      text,
    );
}

/** `[FOR] then ACTION [else [if] [succeeded] [FOR] [then] ACTION]`, behind a test. */
export function parseReactions(cursor: Cursor): {
  readonly onFailure: Reaction;
  readonly onSuccess: Reaction;
} {
  const window = parseWindow(cursor);
  cursor.expectWord('then');
  const onFailure = { ...window, action: parseAction(cursor) };
  if (cursor.takeWord('else') === null)
    return { onFailure, onSuccess: { times: 1, cycles: 1, action: ALERT } };
  cursor.takeWord('if');
  // `failed`: the way back from a test that something succeeds.
  cursor.takeWord('succeeded', 'passed', 'recovered', 'failed');
  const successWindow = parseWindow(cursor);
  cursor.takeWord('then');
  return { onFailure, onSuccess: { ...successWindow, action: parseAction(cursor) } };
}
