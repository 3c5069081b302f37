import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atTestEnd, run, twincached } from './processes.ts';
import { until } from './wait.ts';

/**
 * Whether a process is there. A zombie is not, once its other threads have ended too: until then its sockets still take connections.
 */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const isZombie = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'Z';
    return !isZombie || readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

/**
 * A folder with the links `memcached`, `magent`, … so that a test can type commands as their users do, and the daemons that were
 * started through it. `dispose` ends them all and removes the folder.
 */
export class CommandFolder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'twincached-test-'));
  readonly #pids = new Set<number>();

  /** Makes the folder. */
  static async make(): Promise<CommandFolder> {
    const folder = new CommandFolder();
    atTestEnd(() => folder.#killAll());
    const links = twincached(['links', folder.path]);
    const code = await links.ended();
    if (code !== 0) throw new Error(`links: ${links.stderr()}`);
    return folder;
  }

  /** A path inside the folder. */
  file(name: string): string {
    return join(this.path, name);
  }

  /**
   * Runs a command line that daemonises (`memcached -d … -P FILE`) and waits until its parent has returned.
   *
   * @returns the daemon's pid, from its pid file
   * @throws Error when the exit code is not 0, with what was written on stderr
   */
  async daemon(commandLine: string): Promise<number> {
    const [program = '', ...args] = commandLine.trim().split(/\s+/);
    const started = run(join(this.path, program), args);
    const code = await started.exited();
    if (code !== 0) throw new Error(`${commandLine}: exit ${code}: ${started.stderr()}`);
    const pidFile = args[args.indexOf('-P') + 1] ?? '';
    const pid = Number(readFileSync(pidFile, 'latin1'));
    if (!(pid > 1)) throw new Error(`${commandLine}: no pid in ${pidFile}`);
    this.#pids.add(pid);
    return pid;
  }

  /** Sends a signal to a daemon and waits until it is gone. */
  async kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    process.kill(pid, signal);
    await until(`process ${pid} ends`, () => !isAlive(pid));
    this.#pids.delete(pid);
  }

  /** Without waiting, for a test process that ends. */
  #killAll(): void {
    for (const pid of this.#pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
  }

  async dispose(): Promise<void> {
    for (const pid of [...this.#pids]) if (isAlive(pid)) await this.kill(pid);
    rmSync(this.path, { recursive: true, force: true });
  }
}
