import { CommandFolder, isAlive } from './daemons.ts';
import { type Running, run } from './processes.ts';
import { TextClient } from './text-client.ts';
import { until } from './wait.ts';

interface Member {
  readonly commandLine: string;
  readonly port: number;
  process: Running | null;
}

/**
 * Programs that a test has typed as their users do, in the foreground, so that each may be killed, stopped and started again with the same
 * command line.
 */
export class TypedFleet {
  readonly commands: CommandFolder;
  readonly #members: Map<string, Member> = new Map();

  private constructor(commands: CommandFolder) {
    this.commands = commands;
  }

  static async make(): Promise<TypedFleet> {
    return new TypedFleet(await CommandFolder.make());
  }

  get names(): readonly string[] {
    return [...this.#members.keys()];
  }

  /** Starts a program and waits until its port is open. @param commandLine a program by its path, or one of the links' names */
  async start(name: string, commandLine: string, port: number): Promise<void> {
    this.#members.set(name, { commandLine, port, process: null });
    await this.restart(name);
  }

  /** The same command line again. */
  async restart(name: string): Promise<void> {
    const member = this.#member(name);
    const [program = '', ...args] = member.commandLine.split(/\s+/);
    member.process = run(program.startsWith('/') ? program : this.commands.file(program), args);
    const { process, port } = member;
    await until(`${name} is open: ${process.stderr()}`, async () => {
      (await TextClient.connect(port)).close();
      return true;
    });
  }

  port(name: string): number {
    return this.#member(name).port;
  }

  async kill(name: string): Promise<void> {
    const { process } = this.#member(name);
    if (process !== null && isAlive(process.pid)) await process.kill('SIGKILL');
  }

  stop(name: string): void {
    this.#running(name).child.kill('SIGSTOP');
  }

  goOn(name: string): void {
    this.#running(name).child.kill('SIGCONT');
  }

  client(name: string): Promise<TextClient> {
    return TextClient.connect(this.#member(name).port);
  }

  async dispose(): Promise<void> {
    for (const name of this.names) await this.kill(name);
    await this.commands.dispose();
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member === undefined) throw new Error(`nothing was started as ${name}`);
    return member;
  }

  #running(name: string): Running {
    const { process } = this.#member(name);
    if (process === null) throw new Error(`${name} does not run`);
    return process;
  }
}
