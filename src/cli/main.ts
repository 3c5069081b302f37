import { basename } from 'node:path';
import { StartError } from '../base/start-error.ts';
import { TWINCACHED_VERSION } from '../base/version.ts';
import { daemonReporter, launchDaemon } from '../system/daemonise.ts';
import { endProcess } from '../system/end-process.ts';
import { isSpare } from '../system/spare-words.ts';
import { tellOperator } from '../telemetry/log-format.ts';
import type { Invocation } from './invocation.ts';
import { personalityOfName, ROLE_STARTERS, type RoleStarters, subCommands } from './personalities.ts';
import { tellFailure } from './serve.ts';

/**
 * The whole program: finds out which personality is meant, runs it, and ends the process with its exit code.
 *
 * @param argv process.argv: the interpreter, the path under which the executable was called, the words
 * @param starters the roles
 */
export async function main(argv: readonly string[], starters: RoleStarters = ROLE_STARTERS): Promise<void> {
  const [interpreter = process.execPath, script = 'twincached', ...words] = argv;
  if (isSpare(words)) {
    const become = await (await import('./spare.ts')).becomeSpare(basename(script));
    if (become === null) process.exit(0);
    return main([interpreter, script, ...become], starters);
  }
  const daemon = daemonReporter(process.env, process.ppid);
  const name = basename(script);
  // A reader that stops reading (`twincached --help | head`) is no error.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const invocation: Invocation = {
    program: name,
    words,
    directory: process.cwd(),
    environment: process.env,
    daemon,
    launchDaemon: (keepOutput, onWarning) =>
      launchDaemon({
        command: interpreter,
        words: [...process.execArgv, script, ...words],
        environment: process.env,
        keepOutput,
        onWarning,
      }),
    print: (text) => void process.stdout.write(text),
    complain: (message) => tellOperator('warning', message),
  };
  // A daemon's stderr is /dev/null, so what kills it before it is ready must go through the report.
  if (daemon !== null)
    process.once('uncaughtExceptionMonitor', (error) => void tellFailure(invocation, error));
  // ps shows what was typed, and pidof finds a memcached.
  process.title = [name, ...words].join(' ');
  let code: number;
  try {
    code = await run(invocation, starters);
  } catch (error) {
    code = tellFailure(invocation, error);
  }
  await endProcess(code);
}

async function run(invocation: Invocation, starters: RoleStarters): Promise<number> {
  const ownName = personalityOfName(invocation.program, starters);
  if (ownName !== null) return ownName(invocation);
  const [command, ...words] = invocation.words;
  switch (command) {
    case undefined:
    case 'help':
    case '-h':
    case '--help':
      invocation.print(help(starters));
      return 0;
    case '-V':
    case '--version':
      invocation.print(`twincached ${TWINCACHED_VERSION}\n`);
      return 0;
  }
  const subCommand = subCommands(starters).get(command);
  if (subCommand === undefined)
    throw new StartError(`twincached: unknown command "${command}"; "twincached --help" lists them`);
  return subCommand.run({ ...invocation, program: command, words });
}

function help(starters: RoleStarters): string {
  const lines = [...subCommands(starters).values()].map(
    ({ usage, help: text }) => `  twincached ${usage.padEnd(17)} ${text}`,
  );
  return `twincached ${TWINCACHED_VERSION}: a highly available memcached

${lines.join('\n')}

"twincached memcached -h" and "twincached magent -h" list the options. Called as memcached, repcached, magent, nutcracker or
monit, through a link, the program is that program.
`;
}
