/** Every manual page of the package. */
import { TWINCACHED_VERSION } from '../base/version.ts';
import { CHECK_HELP } from '../cluster/check.ts';
import { CLUSTER_COMMAND_HELPS } from '../cluster/cluster-commands.ts';
import { STATUS_HELP } from '../cluster/status.ts';
import { TOP_HELP } from '../cluster/top.ts';
import { UP_HELP } from '../cluster/up.ts';
import { BENCH_HELP } from './bench-command.ts';
import type { OptionRow } from './getopt.ts';
import { MAGENT_ROWS } from './magent-table.ts';
import { type ManPage, manPageText, optionsOfRows, pageOfHelp } from './man-page.ts';
import { EXTENDED_WORDS } from './memcached-extended.ts';
import { MEMCACHED_ROWS } from './memcached-table.ts';
import { MONIT_ACTIONS, MONIT_ROWS } from './monit-options.ts';
import { NUTCRACKER_ROWS } from './nutcracker-table.ts';
import { ROLE_STARTERS, subCommands } from './personalities.ts';
import { PROXY_ROWS } from './proxy-table.ts';

/** The commands that print a help text of their own. */
export const HELP_TEXTS: Readonly<Record<string, string>> = {
  up: UP_HELP,
  check: CHECK_HELP,
  status: STATUS_HELP,
  top: TOP_HELP,
  bench: BENCH_HELP,
  ...CLUSTER_COMMAND_HELPS,
};

/** The programs with a table of options. */
export const OPTION_TABLES: Readonly<Record<string, readonly OptionRow[]>> = {
  memcached: MEMCACHED_ROWS,
  proxy: PROXY_ROWS,
  magent: MAGENT_ROWS,
  nutcracker: NUTCRACKER_ROWS,
  monit: MONIT_ROWS,
};

const JSON_LOGS =
  'TWINCACHED_LOG_FORMAT=json has the same effect as --log-format json, for all programs of the package.';

/** What the tables do not say. */
const ABOUT: Readonly<Record<string, Pick<ManPage, 'synopsis' | 'description' | 'chapters'>>> = {
  memcached: {
    synopsis: ['twincached memcached [options]'],
    description: [
      "A cache node with memcached's options and protocols, and with repcached's: with -x or -X it keeps a twin, or several, that have everything it has. Called through a link as memcached or repcached it is that program.",
      'It refuses to run as root unless -u says so.',
    ],
    chapters: [
      ['EXTENDED OPTIONS', [`-o takes, separated by commas: ${[...EXTENDED_WORDS].sort().join(', ')}.`]],
      [
        'ENVIRONMENT',
        ['TWINCACHED_REPLICATION_SECRET: what twins must know of each other, instead of a file.', JSON_LOGS],
      ],
      [
        'SIGNALS',
        [
          'SIGTERM and SIGINT end it when its twins have everything. SIGHUP reads passwords, secrets and certificates again. SIGUSR1 ends it gracefully.',
        ],
      ],
    ],
  },
  proxy: {
    synopsis: ['twincached proxy -c FILE [options]'],
    description: [
      'A proxy in front of memcached servers, with the pools and routes of a configuration file, which is changed while it serves.',
    ],
    chapters: [
      ['ENVIRONMENT', [JSON_LOGS]],
      ['SIGNALS', ['SIGHUP reads the configuration again. SIGTERM and SIGINT end it.']],
    ],
  },
  magent: {
    synopsis: ['twincached magent -s HOST:PORT [-s HOST:PORT ...] [-b HOST:PORT ...] [options]'],
    description: [
      "A proxy with magent's options: keys are spread over the main servers, and what a main server cannot answer goes to its backup. Called through a link as magent it is that program.",
    ],
    chapters: [
      ['ENVIRONMENT', [JSON_LOGS]],
      ['SIGNALS', ['SIGHUP reads the servers of the file of -c again. SIGTERM and SIGINT end it.']],
    ],
  },
  nutcracker: {
    synopsis: ['twincached nutcracker [options]'],
    description: [
      "A proxy with twemproxy's options and configuration file. Called through a link as nutcracker it is that program.",
    ],
    chapters: [
      ['ENVIRONMENT', [JSON_LOGS]],
      [
        'SIGNALS',
        [
          'SIGHUP reads the configuration again and opens the log anew. SIGTTIN and SIGTTOU make the log say more, or less. SIGTERM and SIGINT end it.',
        ],
      ],
    ],
  },
  monit: {
    synopsis: ['twincached monit [options] [command]'],
    description: [
      "A monitor with monit's control file, command line and page. Called through a link as monit it is that program. Without a command it starts the daemon, or wakes it where it runs.",
    ],
    chapters: [
      ['COMMANDS', [MONIT_ACTIONS.map(([name, text]) => `${name.padEnd(27)} ${text}`).join('\n')]],
      ['ENVIRONMENT', [JSON_LOGS]],
      [
        'SIGNALS',
        [
          'SIGHUP reads the control file again. SIGUSR1 wakes it. SIGTERM and SIGINT end it; what runs goes on.',
        ],
      ],
    ],
  },
};

function pageName(command: string): string {
  return `twincached-${command}`;
}

function allPages(): ManPage[] {
  const commands = [...subCommands(ROLE_STARTERS)];
  const own = [...Object.keys(HELP_TEXTS), ...Object.keys(OPTION_TABLES)];
  const summaryOf = (name: string): string => commands.find(([command]) => command === name)?.[1].help ?? '';
  const index: ManPage = {
    name: 'twincached',
    summary: 'a highly available memcached: nodes with twins, proxies and a monitor',
    synopsis: ['twincached COMMAND ...'],
    description: [
      'twincached COMMAND --help tells more, and so do the pages of the commands.',
      'Called through a link as memcached, repcached, magent, nutcracker or monit, the program is that program.',
    ],
    options: [],
    chapters: [
      ['COMMANDS', [commands.map(([, { usage, help }]) => `${usage.padEnd(16)} ${help}`).join('\n')]],
      [
        'ENVIRONMENT',
        [
          'TWINCACHED_LOG_FORMAT: classic or json, the form of what the programs tell.',
          'TWINCACHED_TRANSPORT: reactor, portable or auto, how sockets are served.',
        ],
      ],
    ],
    seeAlso: own.map(pageName),
  };
  const seeAlso = ['twincached'];
  return [
    index,
    ...Object.entries(HELP_TEXTS).map(([name, help]) =>
      pageOfHelp(pageName(name), summaryOf(name), help, seeAlso),
    ),
    ...Object.entries(OPTION_TABLES).map(([name, rows]): ManPage => {
      const about = ABOUT[name] ?? { synopsis: [`twincached ${name}`], description: [], chapters: [] };
      return {
        name: pageName(name),
        summary: summaryOf(name),
        ...about,
        options: optionsOfRows(rows),
        seeAlso,
      };
    }),
  ];
}

/** The files of the folder `man/` by name. */
export function manFiles(): ReadonlyMap<string, string> {
  return new Map(allPages().map((page) => [`${page.name}.1`, manPageText(page, TWINCACHED_VERSION)]));
}
