import { StartError } from '../base/start-error.ts';
import { clusterJsonSchema } from './cluster-schema.ts';
import { parseOptions, textOption } from './command-options.ts';
import { wallSeconds } from './kept-moves.ts';
import { readOut } from './kept-out.ts';
import type { ClusterPlan } from './plan.ts';
import { planCluster, plannedFiles, readClusterFile } from './planned-cluster.ts';
import { readMoves, withMoves } from './resharding.ts';
import { readServing } from './serving-twins.ts';
import { outAfter } from './taken-out.ts';
import { watchingLines } from './watching-text.ts';

export const CHECK_HELP: string = `Usage: twincached check FILE [options]

Says what is wrong with a cluster file, or who would run where, with which command line. Exit status 1 when something is wrong.

  --host NAME        only what runs on this host
  --schema           print the JSON schema of the file, for editors
  -h, --help         show this text
`;

/**
 * The command `twincached check`.
 *
 * @param argv what follows `check`
 * @returns the exit code
 */
export function check(
  argv: readonly string[],
  { out, err }: { readonly out: (text: string) => void; readonly err: (text: string) => void },
): number {
  try {
    const options = parseOptions(argv, {
      host: { type: 'string' },
      schema: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    });
    if (options.values['help'] === true) out(CHECK_HELP);
    else if (options.values['schema'] === true) out(clusterJsonSchema());
    else {
      const [file, ...more] = options.positionals;
      if (file === undefined || more.length > 0) throw new StartError('one cluster file is needed');
      const host = textOption(options, 'host');
      const source = { file, host, command: ['twincached'] };
      const written = readClusterFile(source);
      const description = withMoves(written, readMoves(written.name, host), wallSeconds());
      const kept = outAfter(readOut(description.name, host), description, description);
      out(planText(planCluster(description, source, readServing(description.name, host), kept)));
    }
    return 0;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    for (const line of error.message.split('\n')) err(`twincached check: ${line}\n`);
    return error.exitCode;
  }
}

/** The plan for people: each process with its place and its command line. */
function planText(plan: ClusterPlan): string {
  const { name, services, entry, pagePort } = plan;
  const lines = [
    `cluster ${name}: ${services.length} processes, clients at ${entry}, page at port ${pagePort}`,
  ];
  for (const { name: service, title, probe, argv } of services)
    lines.push('', `${service} at ${probe.host}:${probe.port}, ${title}`, `  ${argv.join(' ')}`);
  lines.push(...watchingLines(plan));
  for (const { path, text } of plannedFiles(plan))
    lines.push(
      '',
      `${path}:`,
      ...text
        .trimEnd()
        .split('\n')
        .map((line) => `  ${line}`),
    );
  return `${lines.join('\n')}\n`;
}
