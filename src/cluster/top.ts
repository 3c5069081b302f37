import { StartError } from '../base/start-error.ts';
import { type ParsedOptions, parseOptions } from './command-options.ts';
import { FINDING_HELP, FINDING_OPTIONS, fetchStatus, findMonitor } from './find-monitor.ts';
import { LiveTerminal } from './live-terminal.ts';
import { TOP_VIEW_START, type TopScreen, type TopView, topFrame } from './top-frame.ts';
import { keysIn, type TopKey, viewAfter } from './top-keys.ts';
import { readTopPicture, type TopPicture } from './top-picture.ts';

export const TOP_HELP: string = `Usage: twincached top [CLUSTER] [options]

Shows what a running \`twincached up\` does, every second anew: requests, hits, lag between twins, memory, processor time, and the last events. The keys
are told by h. Where there is no terminal it shows that once; exit status 0 when all is well, 1 when something is down or nothing answers.

  --interval S       seconds between two looks (1)
  --once             show it once and end, as a plain table
  --json             a line of JSON for each look; with --once a single one
${FINDING_HELP}
  -h, --help         show this text
`;

const TOP_OPTIONS = {
  interval: { type: 'string' },
  once: { type: 'boolean' },
  json: { type: 'boolean' },
  ...FINDING_OPTIONS,
  help: { type: 'boolean', short: 'h' },
} as const;

/** Columns where there is no terminal: nothing is cut. */
const COLUMNS_WITHOUT_TERMINAL = 10_000;
const INTERVAL_SECONDS_MIN = 0.1;
const INTERVAL_SECONDS_MAX = 3600;

export interface TopSurroundings {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/**
 * The command `twincached top`.
 *
 * @param argv what follows `top`
 * @returns the exit code
 */
export async function top(argv: readonly string[], { out, err }: TopSurroundings): Promise<number> {
  try {
    const options = parseOptions(argv, TOP_OPTIONS);
    if (options.values['help'] === true) {
      out(TOP_HELP);
      return 0;
    }
    const seconds = intervalSeconds(options.values['interval']);
    const fetch = statusOf(options);
    const isJson = options.values['json'] === true;
    const isOnce = options.values['once'] === true;
    const { stdin, stdout } = process;
    if (isJson) return await printJson(fetch, isOnce ? null : seconds, out);
    if (isOnce || !stdin.isTTY || !stdout.isTTY) {
      const picture = await askedPicture(fetch);
      out(`${plainFrame(picture).join('\n')}\n`);
      return picture.state === 'ok' ? 0 : 1;
    }
    return await live(fetch, seconds);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    err(`twincached top: ${error.message}\n`);
    return error.exitCode;
  }
}

function intervalSeconds(text: string | boolean | (string | boolean)[] | undefined): number {
  if (text === undefined) return 1;
  const seconds = typeof text === 'string' && /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds >= INTERVAL_SECONDS_MIN && seconds <= INTERVAL_SECONDS_MAX))
    throw new StartError(
      `option '--interval' takes seconds from ${INTERVAL_SECONDS_MIN} to ${INTERVAL_SECONDS_MAX}, not '${String(text)}'`,
    );
  return seconds;
}

type Fetch = () => Promise<string>;

function statusOf(options: ParsedOptions): Fetch {
  const [cluster, ...more] = options.positionals;
  if (more.length > 0) throw new StartError(`unexpected argument '${more[0]}'`);
  const monitor = findMonitor(cluster ?? null, options);
  return () => fetchStatus(monitor);
}

async function askedPicture(fetch: Fetch): Promise<TopPicture> {
  const picture = readTopPicture(await fetch());
  if (picture === null) throw new StartError('what answers is not a twincached monitor');
  return picture;
}

/** Everything, once, without colours. */
function plainFrame(picture: TopPicture): string[] {
  const rows = picture.services.length + picture.events.length + 10;
  const screen: TopScreen = { columns: COLUMNS_WITHOUT_TERMINAL, rows, hasColours: false };
  return topFrame(picture, { ...TOP_VIEW_START, page: 'table' }, screen).map((line) => line.trimEnd());
}

/** A line of JSON, or one after the other until somebody ends it. */
async function printJson(fetch: Fetch, seconds: number | null, out: (text: string) => void): Promise<number> {
  for (;;) {
    const { services, events, ...rest } = await askedPicture(fetch);
    const figures = services.map(({ details, ...known }) => known);
    out(`${JSON.stringify({ ...rest, services: figures })}\n`);
    if (seconds === null) return rest.state === 'ok' ? 0 : 1;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

/** Until the operator quits. */
async function live(fetch: Fetch, seconds: number): Promise<number> {
  let picture = await askedPicture(fetch);
  let view: TopView = TOP_VIEW_START;
  let failure: string | null = null;
  let end: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  const hasColours = (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';
  const draw = (): void => {
    const { columns, rows } = terminal;
    terminal.draw(topFrame(picture, view, { columns, rows, hasColours }, failure));
  };
  const press = (key: TopKey): void => {
    if (key === 'quit') end(0);
    else if (key === 'suspend') terminal.suspend();
    else if (key === 'redraw') terminal.forget();
    view = viewAfter(view, key, picture);
  };
  const terminal = new LiveTerminal(
    process.stdin,
    process.stdout,
    (text) => {
      for (const key of keysIn(text)) press(key);
      draw();
    },
    draw,
  );
  const stop = (): void => end(0);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  process.stdin.on('end', stop);
  draw();
  let isAsking = false;
  const timer = setInterval(async () => {
    if (view.isPaused || isAsking) return;
    isAsking = true;
    try {
      picture = await askedPicture(fetch);
      failure = null;
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    isAsking = false;
    draw();
  }, seconds * 1000);
  try {
    return await ended;
  } finally {
    clearInterval(timer);
    terminal.close();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, stop);
    process.stdin.off('end', stop);
  }
}
