/*
 * Golden files of the control language: each `control-files/*.conf` has its tree, or the error, beside it as JSON. A new file needs
 * no code: `UPDATE=1 node dist/test/run.js control-files` writes what comes out, to be read before it is committed.
 *
 * Where Debian's monit is installed, the same files are tested by it (`monit -t`). It must agree whether a file is good, and on the line of the
 * first error, unless the file says why not in a comment `# differs: REASON`; each reason is on the page of the reference.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ControlError } from '../src/control/control-error.ts';
import { parseControlFile } from '../src/control/control-file.ts';
import { defaultSettings } from '../src/control/settings-parser.ts';
import type { ControlTree } from '../src/control/tree.ts';

const FOLDER = fileURLToPath(new URL('../../test/control-files', import.meta.url));
const REFERENCE = fileURLToPath(new URL('../../docs/reference/control-file.md', import.meta.url));
const MONIT = existsSync('/usr/bin/monit') ? '/usr/bin/monit' : null;

const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.conf'))
  .map((name) => name.slice(0, -'.conf'.length))
  .sort();

function text(name: string): string {
  return readFileSync(join(FOLDER, name), 'utf8');
}

function differs(name: string): string | null {
  return /^# differs: (.*)$/m.exec(text(`${name}.conf`))?.[1] ?? null;
}

/** Parses a file of the folder; the folder itself is called `/files`, so that places are the same everywhere. */
function parse(name: string): ControlTree {
  return parseControlFile(`/files/${name}.conf`, {
    hostName: 'host.example.com',
    glob: (pattern) => {
      const wanted = new RegExp(
        `^${pattern.replace('/files/', '').replace(/\./g, '\\.').replace(/\*/g, '.*')}$`,
      );
      return readdirSync(FOLDER)
        .filter((file) => wanted.test(file))
        .sort()
        .map((file) => `/files/${file}`);
    },
    read: (path) => text(path.replace('/files/', '')).replaceAll('@DIR@', '/files'),
  });
}

/** What a golden file holds: the settings that are not the defaults, everything else in full. */
function outcome(name: string): unknown {
  try {
    const { settings, services, warnings } = parse(name);
    const defaults: Readonly<Record<string, unknown>> = { ...defaultSettings() };
    const changed = Object.entries(settings).filter(
      ([key, value]) => JSON.stringify(value) !== JSON.stringify(defaults[key]),
    );
    return { settings: Object.fromEntries(changed), services, warnings };
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    return { error: error.message };
  }
}

describe('control files', () => {
  for (const name of names)
    test(`${name} is read as its golden file says`, () => {
      const golden = join(FOLDER, `${name}.json`);
      const actual = outcome(name);
      if (process.env['UPDATE'] === '1') writeFileSync(golden, `${JSON.stringify(actual, null, 1)}\n`);
      assert.deepEqual(JSON.parse(JSON.stringify(actual)), JSON.parse(readFileSync(golden, 'utf8')));
    });

  test('the reference names every difference from monit', () => {
    const page = readFileSync(REFERENCE, 'utf8');
    for (const name of names) {
      const reason = differs(name);
      if (reason !== null) assert.ok(page.includes(reason), `${name}: ${reason}`);
    }
  });
});

describe('control files and monit', { skip: MONIT === null ? 'monit is not installed' : false }, () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'twincached-control-'));
    for (const file of readdirSync(FOLDER))
      writeFileSync(join(folder, file), text(file).replaceAll('@DIR@', folder), { mode: 0o600 });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const name of names)
    test(`${name} is judged as monit judges it, or says why not`, () => {
      const path = join(folder, `${name}.conf`);
      const { status, stderr, stdout } = spawnSync(MONIT ?? '', ['-t', '-c', path], {
        env: { ...process.env, HOME: folder },
        encoding: 'utf8',
      });
      let error: string | null = null;
      try {
        parse(name);
      } catch (thrown) {
        error = thrown instanceof Error ? thrown.message : String(thrown);
      }
      const agrees = (status === 0) === (error === null);
      const said = `monit: exit ${status}, ${stdout}${stderr}; ours: ${error ?? 'good'}`;
      if (differs(name) !== null) {
        assert.ok(!agrees, `there is no difference any more; ${said}`);
        return;
      }
      assert.ok(agrees, said);
      const line = /\.conf:(\d+): /.exec(stderr + stdout)?.[1];
      const ownLine = error === null ? undefined : /\.conf:(\d+): /.exec(error)?.[1];
      if (line !== undefined && ownLine !== undefined) assert.equal(ownLine, line, said);
    });
});
