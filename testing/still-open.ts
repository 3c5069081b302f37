/** What keeps a test's process from ending: told by the process itself, and by who has started it, for it may be past telling. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { after } from 'node:test';

/**
 * A process whose tests are over ends by itself within a moment; one that does not has left something open. On a busy machine what else is done behind the last
 * test, such as to end its programs, may take a while.
 */
const ENDING_MS = 60_000;

/**
 * Ends this process, with an error, when its last test has been over for a while and something still keeps it from ending; tells on standard
 * error what that is.
 *
 * @param children processes that it has started and that have not ended, to be named
 * @param endingMs may pass behind the last test
 */
export function boundTheEnd(children: () => Iterable<number>, endingMs: number = ENDING_MS): void {
  after(() => {
    setTimeout(() => {
      const seconds = endingMs / 1000;
      process.stderr.write(
        [`${seconds} s after the last test this is still open:`, ...openHandles(), ''].join('\n'),
      );
      for (const pid of children()) process.stderr.write(`${describedProcess(pid)}\n`);
      process.exit(1);
    }, endingMs).unref();
  });
}

/** What keeps the event loop of this process going: what Node.js counts, and handles with their addresses. */
function openHandles(): string[] {
  const lines = [`  ${process.getActiveResourcesInfo().sort().join(' ') || 'nothing that Node.js knows of'}`];
  for (const handle of libuvHandles(process.report?.getReport())) lines.push(`  ${JSON.stringify(handle)}`);
  return lines;
}

function libuvHandles(report: unknown): unknown[] {
  if (typeof report !== 'object' || report === null || !('libuv' in report) || !Array.isArray(report.libuv))
    return [];
  const all: unknown[] = report.libuv;
  return all.filter(
    (handle) =>
      typeof handle === 'object' &&
      handle !== null &&
      'is_active' in handle &&
      handle.is_active === true &&
      'is_referenced' in handle &&
      handle.is_referenced === true,
  );
}

/**
 * A process as the kernel shows it, some lines: its command and state, where each of its threads is, its open files, and its children.
 *
 * @param pid of a process on this host; it may be gone
 */
export function describedProcess(pid: number): string {
  const lines = [
    `process ${pid}, ${stateOf(pid)}: ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()}`,
  ];
  for (const thread of list(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${thread}`;
    const call = read(`${folder}/syscall`).split(' ')[0]?.trim();
    lines.push(
      `  thread ${thread} ${read(`${folder}/comm`).trim()}: ${read(`${folder}/wchan`)}, system call ${call}`,
    );
  }
  const files = new Map<string, number>();
  for (const file of list(`/proc/${pid}/fd`)) {
    const kind = target(`/proc/${pid}/fd/${file}`).replace(/:\[\d+\]$/, '');
    files.set(kind, (files.get(kind) ?? 0) + 1);
  }
  lines.push(`  open: ${[...files].map(([kind, count]) => `${count} ${kind}`).join(', ')}`);
  for (const child of childrenOf(pid)) lines.push(describedProcess(child).replace(/^/gm, '  '));
  return lines.join('\n');
}

/** The processes that a process has started and that are there. */
export function childrenOf(pid: number): number[] {
  return list(`/proc/${pid}/task`).flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
}

function stateOf(pid: number): string {
  return /^State:\s+(.*)$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 'gone';
}

/** What a file of /proc says; nothing when the process is gone meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function target(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return 'gone';
  }
}
