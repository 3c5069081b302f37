import { LOG_FORMATS, type LogFormat, useLogFormat } from '../telemetry/log-format.ts';
import type { Called } from './command-line.ts';
import { getopt, type OptionRow } from './getopt.ts';
import { invalidValue } from './option-values.ts';

/** The option of all programs that says in which form they tell something. No program that is replaced has it. */
export const LOG_FORMAT_ROW: OptionRow = {
  name: 'log-format',
  long: 'log-format',
  argument: 'required',
  valueName: '<format>',
  help: ['classic, or json: a line of JSON for what is told', '(default: classic)'],
  yields: true,
};

/** @throws StartError for a form that there is not */
export function logFormatOf(spelling: string, value: string): LogFormat {
  const format = LOG_FORMATS.find((name) => name === value);
  if (format === undefined) throw invalidValue(spelling, value, 'classic or json');
  return format;
}

/** Finds the option before anything else of a command line, so that what is wrong with the rest is told in this form as well. */
export function chooseLogFormat({ program, words }: Called, rows: readonly OptionRow[]): void {
  for (const event of getopt(program, words, rows).events) {
    if (event.kind !== 'option' || event.name !== LOG_FORMAT_ROW.name) continue;
    const format = LOG_FORMATS.find((name) => name === event.value);
    if (format !== undefined) useLogFormat(format);
  }
}
