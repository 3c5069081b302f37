import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { atTestEnd } from './processes.ts';

/** Where the scripts lie; tests run compiled, and scripts are not copied. */
const SCRIPTS: string = fileURLToPath(new URL('../../test/clients/scripts/', import.meta.url));

const SCRIPT_TIMEOUT_MS = 120_000;
const PROBE_TIMEOUT_MS = 20_000;

/** A client library of another language, with the script that uses all of it. */
export interface ScriptClient {
  readonly name: string;
  /** The interpreter with its options. */
  readonly interpreter: readonly string[];
  /** Ends with status 0 where the library is installed. */
  readonly probe: readonly string[];
  readonly script: string;
}

/** What a script came to. */
export interface ScriptOutcome {
  /** The checks that failed, each with what came and what was expected. */
  readonly failed: readonly string[];
  readonly passed: number;
  /** What it said on stderr. */
  readonly complaints: string;
}

/** Whether a library is there. */
export function isInstalled({ interpreter, probe }: ScriptClient): boolean {
  const [program = '', ...options] = interpreter;
  try {
    execFileSync(program, [...options, ...probe], { stdio: 'ignore', timeout: PROBE_TIMEOUT_MS });
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs a script. It prints a line per check, asks for things by lines `do WHAT`, each answered by the line `done`, and ends with `end CHECKS`;
 * see test/clients/scripts/README.md.
 *
 * @param options for the interpreter, before the script
 * @param onDo does what the script asks for
 * @throws Error when the script ends in another way than it should, or takes longer than a minute, or when onDo throws
 */
export async function runClientScript(
  { interpreter, script }: ScriptClient,
  options: readonly string[],
  args: readonly string[],
  onDo: (what: readonly string[]) => Promise<void>,
): Promise<ScriptOutcome> {
  const [program = '', ...always] = interpreter;
  const child = spawn(program, [...always, ...options, `${SCRIPTS}${script}`, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: SCRIPT_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    // No bytecode files beside the scripts.
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  });
  atTestEnd(() => child.kill('SIGKILL'));
  // It may have ended before it could be answered.
  child.stdin.on('error', () => {});
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const closed = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(`ended with ${code ?? signal}`));
  });
  const failed: string[] = [];
  let passed = 0;
  let announced = -1;
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith('ok ')) passed++;
      else if (line.startsWith('not ok ')) failed.push(line.slice('not ok '.length));
      else if (line.startsWith('end ')) announced = Number(line.slice('end '.length));
      else if (line.startsWith('do ')) {
        await onDo(line.slice('do '.length).split(' '));
        child.stdin.write('done\n');
      } else complaints += `${line}\n`;
    }
  } finally {
    child.kill('SIGKILL');
  }
  const how = await closed;
  if (announced !== passed + failed.length) {
    const counts = `${passed} passed, ${failed.length} failed of ${announced} announced`;
    throw new Error(`${script}: ${how}, ${counts}\n${failed.join('\n')}\n${complaints}`);
  }
  return { failed, passed, complaints };
}
