import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { CommandFolder, isAlive } from './daemons.ts';
import { atTestEnd, run } from './processes.ts';
import { until } from './wait.ts';

/** What a command said. */
export interface CommandOutcome {
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** A `monit` of a test, with a control file of its own and everything that it writes in one folder. `dispose` ends it and what it has started. */
export class MonitRunner {
  readonly commands: CommandFolder;
  readonly httpPort: number;
  readonly #pidFiles: string[] = [];

  private constructor(commands: CommandFolder, httpPort: number) {
    this.commands = commands;
    this.httpPort = httpPort;
  }

  static async make(httpPort: number): Promise<MonitRunner> {
    const monit = new MonitRunner(await CommandFolder.make(), httpPort);
    atTestEnd(() => monit.#killAll());
    return monit;
  }

  /** Without waiting, for a test process that ends before it has disposed: the daemon first, or it would start its services again. */
  #killAll(): void {
    const { pid } = this;
    const services = pid === null ? [] : childrenOf(pid);
    for (const path of this.#pidFiles) services.push(pidIn(path) ?? 0);
    for (const each of [pid ?? 0, ...services]) {
      if (each <= 1 || !isAlive(each)) continue;
      try {
        process.kill(each, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    }
  }

  get controlFile(): string {
    return this.commands.file('monitrc');
  }

  /** A path in the folder for the pid file of a service; its process is ended at last. */
  pidFile(name: string): string {
    const path = this.commands.file(`${name}.pid`);
    if (!this.#pidFiles.includes(path)) this.#pidFiles.push(path);
    return path;
  }

  /** Writes the control file: where everything lies, and then the text. */
  write(text: string, httpd = 'allow admin:monit allow view:"only" readonly'): void {
    const head = [
      `set pidfile ${this.commands.file('monit.pid')}`,
      `set statefile ${this.commands.file('monit.state')}`,
      `set idfile ${this.commands.file('monit.id')}`,
      `set log ${this.commands.file('monit.log')}`,
      `set httpd port ${this.httpPort} and use address 127.0.0.1 ${httpd}`,
    ];
    writeFileSync(this.controlFile, `${head.join('\n')}\n${text}\n`);
    chmodSync(this.controlFile, 0o600);
  }

  /** Types `monit -c FILE ...` and waits for its end. */
  async type(...words: readonly string[]): Promise<CommandOutcome> {
    const typed = run(this.commands.file('monit'), ['-c', this.controlFile, ...words]);
    const code = await typed.exited();
    return { code, stdout: typed.stdout(), stderr: typed.stderr() };
  }

  /** Starts the daemon. @throws Error with what it said when it does not start */
  async start(): Promise<number> {
    const { code, stdout, stderr } = await this.type();
    if (code !== 0) throw new Error(`monit: exit ${code}: ${stdout}${stderr}`);
    return this.pid ?? 0;
  }

  /** The daemon's process; null when there is none. */
  get pid(): number | null {
    const pid = pidIn(this.commands.file('monit.pid'));
    return pid !== null && isAlive(pid) ? pid : null;
  }

  get log(): string {
    return readFileSync(this.commands.file('monit.log'), 'utf8');
  }

  /** Asks the page, as the user who may do anything. */
  fetch(path: string, init: RequestInit = {}, user = 'admin:monit'): Promise<Response> {
    const headers = { authorization: `Basic ${Buffer.from(user).toString('base64')}`, ...init.headers };
    return fetch(`http://127.0.0.1:${this.httpPort}${path}`, { redirect: 'manual', ...init, headers });
  }

  /** The second column of the summary by name. */
  async summary(): Promise<Map<string, string>> {
    const { stdout } = await this.type('-B', 'summary');
    const rows = stdout
      .split('\n')
      .slice(2)
      .filter((line) => line.trim() !== '');
    return new Map(rows.map((line) => [line.slice(1, 33).trim(), line.slice(34, 61).trim()]));
  }

  /** What the page knows of a service, as JSON. */
  async service(name: string): Promise<Readonly<Record<string, unknown>>> {
    const response = await this.fetch('/status.json');
    const status: unknown = await response.json();
    if (!(status instanceof Object) || !('services' in status) || !Array.isArray(status.services))
      throw new Error('no status');
    const services: unknown[] = status.services;
    for (const service of services)
      if (service instanceof Object && 'name' in service && service.name === name) return { ...service };
    throw new Error(`there is no service ${name}`);
  }

  async pidOf(name: string): Promise<number | null> {
    const { pid } = await this.service(name);
    return typeof pid === 'number' ? pid : null;
  }

  /** Ends the daemon, then whatever its services have left. @param pids of services without a pid file */
  async dispose(pids: readonly number[] = []): Promise<void> {
    const { pid } = this;
    if (pid !== null) await this.commands.kill(pid, 'SIGTERM').catch(() => {});
    for (const path of this.#pidFiles) {
      const service = pidIn(path);
      if (service !== null && isAlive(service)) process.kill(service, 'SIGKILL');
    }
    for (const service of pids) if (isAlive(service)) process.kill(service, 'SIGKILL');
    await this.commands.dispose();
  }
}

/** The processes whose parent it is: its start programs, and the daemons that it has adopted. */
function childrenOf(pid: number): number[] {
  const children: number[] = [];
  try {
    for (const task of readdirSync(`/proc/${pid}/task`))
      children.push(
        ...readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').trim().split(' ').map(Number),
      );
  } catch {
    // It has ended meanwhile.
  }
  return children;
}

export function pidIn(path: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(path, 'latin1'), 10);
    return pid > 1 ? pid : null;
  } catch {
    return null;
  }
}

/** Waits until another process than before has taken a service's place. @returns its pid */
export async function untilReplaced(monit: MonitRunner, name: string, before: number): Promise<number> {
  return until(`${name} is replaced`, async () => {
    const service = await monit.service(name);
    const { pid, state } = service;
    return typeof pid === 'number' && pid !== before && state === 'running' ? pid : null;
  });
}
