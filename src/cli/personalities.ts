import { StartError } from '../base/start-error.ts';
import type { ClusterCommandName } from '../cluster/cluster-commands.ts';
import type { NodeOptions } from '../node/options.ts';
import type { ConfiguredProxyOptions } from '../proxy/configured-proxy.ts';
import type { MagentFileName } from '../proxy/magent-service.ts';
import type { NutcrackerOptions } from '../proxy/nutcracker-service.ts';
import type { ProxyOptions } from '../proxy/options.ts';
import type { ClientCommand } from './client-command.ts';
import type { Invocation } from './invocation.ts';
import { chooseLogFormat } from './log-format-option.ts';
import type { StartedRole } from './serve.ts';
import { type TransportChoice, transportOf } from './transport.ts';

/** A program that this one can be: runs to its end. @returns the exit code */
export type Personality = (invocation: Invocation) => Promise<number>;

/** A proxy as twemproxy, whose log can be made to say more or less. */
export interface StartedNutcracker extends StartedRole {
  readonly changeLogLevel?: (by: 1 | -1) => void;
}

/** The roles' start functions; tests put stand-ins in their place. */
export interface RoleStarters {
  readonly startNode: (options: NodeOptions, transport: TransportChoice) => Promise<StartedRole>;
  readonly startMagent: (options: ProxyOptions, file: MagentFileName | null) => Promise<StartedRole>;
  readonly startConfiguredProxy: (options: ConfiguredProxyOptions) => Promise<StartedRole>;
  readonly startNutcracker: (options: NutcrackerOptions) => Promise<StartedNutcracker>;
}

/** The roles themselves, each loaded when it is started: a proxy's start does not wait for the node's modules. */
export const ROLE_STARTERS: RoleStarters = {
  startNode: async (options, transport) =>
    (await import('../node/main-thread.ts')).startNode(options, transport),
  startMagent: async (options, file) =>
    (await import('../proxy/magent-service.ts')).startMagent(options, file),
  startConfiguredProxy: async (options) =>
    (await import('../proxy/configured-proxy.ts')).startConfiguredProxy(options),
  startNutcracker: async (options) =>
    (await import('../proxy/nutcracker-service.ts')).startNutcracker(options),
};

/** `twincached memcached`, and the program as memcached (or, with the replication port open in any case, as repcached). */
export function memcached(starters: RoleStarters, replicates: boolean): Personality {
  return async (invocation) => {
    const { parseMemcached } = await import('./memcached-options.ts');
    chooseLogFormat(invocation, (await import('./memcached-table.ts')).MEMCACHED_ROWS);
    const line = parseMemcached(invocation, replicates);
    if (line.kind === 'answer') {
      invocation.print(line.text);
      return 0;
    }
    const { node, process: options } = line.command;
    const transport = transportOf(invocation.environment);
    const { serve } = await import('./serve.ts');
    return serve(invocation, {
      options,
      warnings: line.warnings,
      verbosity: node.verbosity,
      // memcached re-reads its password file on SIGHUP, so it must never end of it.
      ignoreHangup: true,
      tellsGracefulStop: true,
      tellsSignals: node.verbosity > 0 && node.replication.port !== null,
      prepare: async () => {
        // In memcached's order, which decides about the message when both are wrong.
        const { allowCoreDumps, allowDescriptors } = await import('../system/resource-limits.ts');
        if (options.coreDumps) await allowCoreDumps();
        await allowDescriptors(node.connectionsMax, node.threads);
        const { accountToBecome, becomeUser } = await import('../system/users.ts');
        const account = accountToBecome(options.user);
        if (account !== null) becomeUser(account, options.user ?? '');
      },
      start: () => starters.startNode(node, transport),
      onReady: (role) => tellPort(invocation, role),
    });
  };
}

/** Where memcached's users, its test suite among them, learn which port "any free one" came to be. */
async function tellPort(invocation: Invocation, role: StartedRole): Promise<readonly string[]> {
  const path = invocation.environment['MEMCACHED_PORT_FILENAME'];
  if (path === undefined || path === '' || role.addresses === undefined) return [];
  const lines = role.addresses.flatMap(({ transport, address }) => {
    if (address.family === 'unix') return [];
    const family = address.family === 'ipv6' ? 'INET6' : 'INET';
    return [`${transport.toUpperCase()} ${family}: ${address.port}`];
  });
  if (role.addresses.length > lines.length) return [];
  const { writePortFile } = await import('../system/port-file.ts');
  const failure = writePortFile(path, lines);
  return failure === null ? [] : [failure];
}

/** `twincached magent`, and the program as magent. */
export function magent(starters: RoleStarters): Personality {
  return async (invocation) => {
    const { parseMagent } = await import('./magent-options.ts');
    chooseLogFormat(invocation, (await import('./magent-table.ts')).MAGENT_ROWS);
    const line = parseMagent(invocation);
    if (line.kind === 'answer') {
      invocation.print(line.text);
      return 0;
    }
    const { daemon, user, group, file } = line.command;
    const proxy: ProxyOptions = { ...line.command.proxy, transport: transportOf(invocation.environment) };
    const { serve } = await import('./serve.ts');
    return serve(invocation, {
      options: { daemon, pidFile: null },
      warnings: line.warnings,
      verbosity: proxy.verbosity,
      // Without a file there is nothing to read again.
      ignoreHangup: file !== null,
      prepare: async () => {
        const { allowDescriptors } = await import('../system/resource-limits.ts');
        // magent never looks at the limit: a proxy with fewer descriptors than `-n` asks for still starts.
        await allowDescriptors(proxy.connectionsMax, proxy.threads).catch(() => {});
        const { becomeUser, identityToBecome } = await import('../system/users.ts');
        const identity = identityToBecome(user, group);
        if (identity !== null) becomeUser(identity, user ?? group ?? '');
      },
      start: () => starters.startMagent(proxy, file),
    });
  };
}

/** `twincached nutcracker`, and the program as nutcracker. */
export function nutcracker(starters: RoleStarters): Personality {
  return async (invocation) => {
    const { parseNutcracker } = await import('./nutcracker-options.ts');
    chooseLogFormat(invocation, (await import('./nutcracker-table.ts')).NUTCRACKER_ROWS);
    const line = parseNutcracker(invocation);
    if (line.kind === 'answer') {
      invocation.complain(line.text.trimEnd());
      return 0;
    }
    const { proxy, daemon, pidFile, isTest, fileAsTyped } = line.command;
    if (isTest) return testNutcrackerFile(invocation, proxy.configurationFile, fileAsTyped);
    // twemproxy leaves the mode to the umask, which is 0 once it is a daemon: whoever used its socket must be let in here.
    const unixMode = daemon ? 0o777 : 0o777 & ~process.umask();
    const options = { ...proxy, unixMode, transport: transportOf(invocation.environment) };
    const { serve } = await import('./serve.ts');
    let running: StartedNutcracker | null = null;
    // As in twemproxy; SIGUSR1 and SIGUSR2 mean nothing there, and must not end anything here.
    process.on('SIGTTIN', () => running?.changeLogLevel?.(1));
    process.on('SIGTTOU', () => running?.changeLogLevel?.(-1));
    process.on('SIGUSR2', () => {});
    return serve(invocation, {
      options: { daemon, pidFile },
      warnings: [],
      verbosity: 0,
      ignoreHangup: true,
      ignoresGracefulStop: true,
      prepare: async () => {
        const { allowDescriptors } = await import('../system/resource-limits.ts');
        await allowDescriptors(options.connectionsMax, options.threads).catch(() => {});
      },
      start: async () => {
        running = await starters.startNutcracker(options);
        return running;
      },
    });
  };
}

/** `-t`: says whether the file is good, and, unlike twemproxy, what is wrong with it. */
async function testNutcrackerFile(invocation: Invocation, path: string, typed: string): Promise<number> {
  const { checkNutcrackerFile } = await import('../proxy/nutcracker-service.ts');
  try {
    await checkNutcrackerFile(path, typed);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    invocation.complain(error.message);
    invocation.complain(`nutcracker: configuration file '${typed}' syntax is invalid`);
    return 1;
  }
  invocation.complain(`nutcracker: configuration file '${typed}' syntax is ok`);
  return 0;
}

/** `twincached proxy`. */
export function proxy(starters: RoleStarters): Personality {
  return async (invocation) => {
    const { parseProxy } = await import('./proxy-options.ts');
    chooseLogFormat(invocation, (await import('./proxy-table.ts')).PROXY_ROWS);
    const line = parseProxy(invocation);
    if (line.kind === 'answer') {
      invocation.print(line.text);
      return 0;
    }
    if (line.kind === 'schema') {
      const { configurationJsonSchema } = await import('../proxy/configuration-schema.ts');
      invocation.print(configurationJsonSchema());
      return 0;
    }
    const { configurationFile, fileAsTyped, isTest, verbosity, daemon, pidFile, user } = line.command;
    const { readConfiguration } = await import('../proxy/configured-proxy.ts');
    const { connectionsMax, threads } = readConfiguration(configurationFile, fileAsTyped);
    if (isTest) {
      invocation.print(`${fileAsTyped}: the configuration is good\n`);
      return 0;
    }
    const transport = transportOf(invocation.environment);
    const { serve } = await import('./serve.ts');
    return serve(invocation, {
      options: { daemon, pidFile },
      warnings: line.warnings,
      verbosity,
      ignoreHangup: true,
      prepare: async () => {
        const { allowDescriptors } = await import('../system/resource-limits.ts');
        await allowDescriptors(connectionsMax, threads).catch(() => {});
        const { becomeUser, identityToBecome } = await import('../system/users.ts');
        const identity = identityToBecome(user, null);
        if (identity !== null) becomeUser(identity, user ?? '');
      },
      start: () => starters.startConfiguredProxy({ configurationFile, fileAsTyped, verbosity, transport }),
    });
  };
}

/** `twincached monit`, and the program as monit. */
const monit: Personality = async (invocation) => (await import('./monit.ts')).runMonit(invocation);

/** `twincached links DIR`. */
const links: Personality = async (invocation) => {
  const [directory, ...others] = invocation.words;
  if (directory === undefined || others.length > 0 || directory.startsWith('-'))
    throw new StartError('usage: twincached links DIR');
  const { resolve } = await import('node:path');
  const { fileURLToPath } = await import('node:url');
  const { realpathSync } = await import('node:fs');
  const { makeLinks } = await import('./links.ts');
  const executable = realpathSync(fileURLToPath(new URL('../../../bin/twincached', import.meta.url)));
  for (const path of makeLinks(resolve(invocation.directory, directory), executable))
    invocation.print(`${path} -> ${executable}\n`);
  return 0;
};

/** How this very program is called again, by the same interpreter. */
async function ownCommand(): Promise<readonly string[]> {
  const { fileURLToPath } = await import('node:url');
  return [process.execPath, fileURLToPath(new URL('../../../bin/twincached', import.meta.url))];
}

/** `twincached up`. */
const up: Personality = async ({ words, print }) => {
  const { up: run } = await import('../cluster/up.ts');
  const { statSync } = await import('node:fs');
  const command = await ownCommand();
  // Of the modules, or of the bundle. While an installation is being replaced there may be none: then it is another one.
  const { fileURLToPath } = await import('node:url');
  const own = fileURLToPath(new URL('./main.js', import.meta.url));
  const stamp = (): string => {
    const { ino = 0, mtimeMs = 0 } = statSync(own, { throwIfNoEntry: false }) ?? {};
    return `${ino} ${mtimeMs}`;
  };
  return run(words, {
    command,
    spare: { command, stamp },
    out: print,
    err: (text) => void process.stderr.write(text),
  });
};

/** `twincached check`. */
const check: Personality = async ({ words, print }) => {
  const { check: run } = await import('../cluster/check.ts');
  return run(words, { out: print, err: (text) => void process.stderr.write(text) });
};

/** `twincached status`. */
const status: Personality = async ({ words, print }) => {
  const { status: run } = await import('../cluster/status.ts');
  return run(words, { out: print, err: (text) => void process.stderr.write(text) });
};

/** `twincached top`. */
const top: Personality = async ({ words, print }) => {
  const { top: run } = await import('../cluster/top.ts');
  return run(words, { out: print, err: (text) => void process.stderr.write(text) });
};

/** `twincached reload`, `restart`, `switchover`, `take-out`, `put-back`, `down`. */
function clusterOrder(command: ClusterCommandName): Personality {
  return async ({ words, print }) => {
    const { clusterCommand } = await import('../cluster/cluster-commands.ts');
    return clusterCommand(command, words, { out: print, err: (text) => void process.stderr.write(text) });
  };
}

/** `twincached get`, `set`, `stats`. */
function client(command: ClientCommand): Personality {
  return async (invocation) => (await import('./client-command.ts')).runClientCommand(command, invocation);
}

/** `twincached bench`. */
const bench: Personality = async (invocation) => (await import('./bench-command.ts')).runBench(invocation);

/** The sub-commands, with what help says of them. */
export function subCommands(starters: RoleStarters): ReadonlyMap<string, SubCommand> {
  return new Map<string, SubCommand>([
    ['up', { usage: 'up ...', help: 'run a cluster: nodes, proxies and their monitor', run: up }],
    [
      'check',
      { usage: 'check FILE', help: 'what a cluster file means, or what is wrong with it', run: check },
    ],
    ['status', { usage: 'status ...', help: 'what a running cluster says of its processes', run: status }],
    ['top', { usage: 'top ...', help: 'what a running cluster does, live in the terminal', run: top }],
    [
      'reload',
      {
        usage: 'reload ...',
        help: 'have a running cluster take over its changed file',
        run: clusterOrder('reload'),
      },
    ],
    [
      'restart',
      {
        usage: 'restart --rolling',
        help: 'restart what runs, one after the other, without a miss',
        run: clusterOrder('restart'),
      },
    ],
    [
      'switchover',
      {
        usage: 'switchover SHARD',
        help: 'have the proxies ask the other twin first',
        run: clusterOrder('switchover'),
      },
    ],
    [
      'take-out',
      {
        usage: 'take-out NODE',
        help: 'have the proxies ask a node no more, though it serves',
        run: clusterOrder('take-out'),
      },
    ],
    [
      'put-back',
      { usage: 'put-back NODE', help: 'have the proxies ask it again', run: clusterOrder('put-back') },
    ],
    ['down', { usage: 'down ...', help: 'stop a running cluster', run: clusterOrder('down') }],
    ['get', { usage: 'get KEY', help: 'ask a running server for a value', run: client('get') }],
    ['set', { usage: 'set KEY VALUE', help: 'store a value on a running server', run: client('set') }],
    ['stats', { usage: 'stats [WHAT]', help: "show a running server's statistics", run: client('stats') }],
    ['bench', { usage: 'bench ...', help: 'load a running server, and say how much it answers', run: bench }],
    [
      'memcached',
      {
        usage: 'memcached ...',
        help: "a node, with memcached's and repcached's options",
        run: memcached(starters, false),
      },
    ],
    [
      'proxy',
      {
        usage: 'proxy -c FILE ...',
        help: 'a proxy with the routes of a configuration file',
        run: proxy(starters),
      },
    ],
    ['magent', { usage: 'magent ...', help: "a proxy, with magent's options", run: magent(starters) }],
    [
      'nutcracker',
      {
        usage: 'nutcracker ...',
        help: "a proxy, with twemproxy's options and file",
        run: nutcracker(starters),
      },
    ],
    ['monit', { usage: 'monit ...', help: "the monitor, with monit's options and control file", run: monit }],
    [
      'links',
      {
        usage: 'links DIR',
        help: 'make links named memcached, magent, nutcracker, monit in DIR',
        run: links,
      },
    ],
  ]);
}

export interface SubCommand {
  readonly usage: string;
  readonly help: string;
  readonly run: Personality;
}

/**
 * The personality of a name under which the executable is called.
 *
 * @returns null for every name that is not a replaced program's: then the first word is a sub-command
 */
export function personalityOfName(name: string, starters: RoleStarters): Personality | null {
  if (name === 'repcached') return memcached(starters, true);
  if (name === 'memcached' || name === 'magent' || name === 'nutcracker' || name === 'monit')
    return subCommands(starters).get(name)?.run ?? null;
  return null;
}
