import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CommandFolder } from '../../testing/daemons.ts';
import { AS_ROOT, freePorts, run } from '../../testing/processes.ts';
import { until } from '../../testing/wait.ts';

const USER = AS_ROOT.join(' ');
const PAGE: string = fileURLToPath(new URL('../../../test/clients/scripts/php-session.php', import.meta.url));
const SESSIONS: readonly string[] = Array.from({ length: 8 }, (_, i) => `session${i}`);

/** Debian loads the extensions by files of its own, which stand for the first line of the walk-through, `extension=memcache.so`. */
function isLoaded(extension: string): boolean {
  try {
    const code = `exit(extension_loaded("${extension}") ? 0 : 1);`;
    execFileSync('php', ['-r', code], { stdio: 'ignore', timeout: 20_000 });
    return true;
  } catch {
    return false;
  }
}

interface Handler {
  readonly extension: string;
  /** What stands in php.ini, for nodes at these addresses. */
  readonly settings: (addresses: readonly string[]) => readonly string[];
}

const HANDLERS: readonly Handler[] = [
  {
    extension: 'memcache',
    settings: (addresses) => [
      'session.save_handler = memcache',
      `session.save_path = "${addresses.map((address) => `tcp://${address}?persistent=1`).join(',')}"`,
    ],
  },
  {
    extension: 'memcached',
    settings: (addresses) => [
      'session.save_handler = memcached',
      `session.save_path = "${addresses.join(',')}"`,
      // As docs/guides/php-sessions.md has them: with its defaults the extension does not go to another server.
      'memcached.sess_number_of_replicas = 1',
      'memcached.sess_remove_failed_servers = 1',
      'memcached.sess_server_failure_limit = 1',
    ],
  },
];

for (const { extension, settings } of HANDLERS) {
  const skip = isLoaded(extension) ? false : `PHP's ${extension} extension is not installed`;
  describe(`W2, PHP sessions: ${extension}`, { skip }, () => {
    let commands: CommandFolder;
    let port = 0;
    let replicationPort = 0;
    const pids: number[] = [];
    const hosts = ['127.0.0.1', '127.0.0.2'] as const;

    const start = async (node: 0 | 1): Promise<void> => {
      pids[node] = await commands.daemon(
        `memcached -d -m 100 -l ${hosts[node]} -p ${port} ${USER} -x ${hosts[1 - node]} -X ${replicationPort} -P ${commands.file(hosts[node])}`,
      );
    };

    /** One page view by a web server whose php.ini names these nodes. @returns what was in the session before */
    const view = async (nodes: readonly (0 | 1)[], session: string, ...keep: string[]): Promise<unknown> => {
      const ini = commands.file(`ini-${nodes.join('')}`);
      mkdirSync(ini, { recursive: true });
      const lines = settings(nodes.map((node) => `${hosts[node]}:${port}`));
      writeFileSync(`${ini}/99-sessions.ini`, `${lines.join('\n')}\n`);
      // No page is sent, so there are no headers to set.
      const command = ['session.use_cookies=0', 'session.use_only_cookies=0', 'session.cache_limiter='];
      const options = [...command, 'display_errors=0'].flatMap((setting) => ['-d', setting]);
      const php = run('php', [...options, PAGE, session, ...keep], { PHP_INI_SCAN_DIR: `:${ini}` });
      assert.equal(await php.ended(), 0, php.stderr());
      return JSON.parse(php.stdout());
    };
    const appears = (nodes: readonly (0 | 1)[], session: string, content: object): Promise<boolean> =>
      until(`${session} is ${JSON.stringify(content)}`, async () => {
        assert.deepEqual(await view(nodes, session), content);
        return true;
      });

    before(async () => {
      commands = await CommandFolder.make();
      [port = 0, replicationPort = 0] = await freePorts(2);
      await Promise.all([start(0), start(1)]);
    });
    after(() => commands.dispose());

    test('written through one node, read through the other', async () => {
      assert.deepEqual(await view([0], 'local', 'user=anna'), {});
      await appears([1], 'local', { user: 'anna' });
      await view([1], 'local', 'basket=3');
      await appears([0], 'local', { user: 'anna', basket: '3' });
    });

    test('a node killed and started again, then the other: no session is lost', async () => {
      for (const session of SESSIONS) await view([0, 1], session, `id=${session}`);
      await appears([0], SESSIONS[7] ?? '', { id: SESSIONS[7] });
      await appears([1], SESSIONS[7] ?? '', { id: SESSIONS[7] });

      await commands.kill(pids[0] ?? 0);
      for (const session of SESSIONS) {
        assert.deepEqual(await view([0, 1], session, 'meanwhile=yes'), { id: session });
        assert.deepEqual(await view([0, 1], session), { id: session, meanwhile: 'yes' });
      }
      await start(0);
      // Its local web server finds everything, the moment it listens.
      for (const session of SESSIONS)
        assert.deepEqual(await view([0], session), { id: session, meanwhile: 'yes' });

      await commands.kill(pids[1] ?? 0);
      for (const session of SESSIONS)
        assert.deepEqual(await view([0, 1], session), { id: session, meanwhile: 'yes' });
      await start(1);
      for (const session of SESSIONS)
        assert.deepEqual(await view([1], session), { id: session, meanwhile: 'yes' });
    });
  });
}
