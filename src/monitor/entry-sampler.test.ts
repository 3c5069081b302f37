import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { controlTree } from '../../testing/control-entries.ts';
import { until } from '../../testing/wait.ts';
import type { Sample } from '../checks/sample.ts';
import { evaluate } from '../checks/test-evaluation.ts';
import { DEFAULT_LIMITS } from '../control/settings-parser.ts';
import { readHost } from '../system/host-figures.ts';
import { readProcessTable } from '../system/proc-table.ts';
import { EntrySampler } from './entry-sampler.ts';
import { fileReader, type OpenFile } from './file-reader.ts';
import type { HostView } from './process-sample.ts';

const SKIP = process.platform === 'linux' ? false : 'there is no /proc';

function view(atMs: number): HostView {
  return { atMs, host: readHost(), processes: readProcessTable() };
}

/** An entry's sampler, and what its rules come to: m matched, n not, ? unknown. */
class Looked {
  readonly entry: ReturnType<typeof controlTree>['services'][number];
  readonly sampler: EntrySampler;
  sample: Sample | null = null;

  constructor(text: string) {
    const entry = controlTree(text).services[0];
    assert.ok(entry !== undefined);
    this.entry = entry;
    this.sampler = new EntrySampler(entry, {
      limits: DEFAULT_LIMITS,
      run: { environment: {}, onChild: () => {} },
      reader: fileReader(30_000),
    });
  }

  async look(pid: number | null = null, atMs = performance.now()): Promise<string> {
    const before = this.sample;
    const sample = await this.sampler.sample(pid, view(atMs), Date.now());
    this.sample = sample;
    return this.entry.rules
      .map(({ test: rule }, index) => {
        const { result } = evaluate(rule, index, sample, before, 2);
        return result === 'matched' ? 'm' : result === 'not-matched' ? 'n' : '?';
      })
      .join('');
  }
}

describe('looking at an entry', { skip: SKIP }, () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'twincached-sampler-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('a process: its figures, and rates from the second look on', async () => {
    const looked = new Looked(`check process x with pidfile /x
      if cpu >= 0% then alert if total cpu >= 0% then alert if memory > 1 MB then alert if totalmem > 1 MB then alert
      if children >= 0 then alert if threads > 1 then alert if filedescriptors > 1 then alert if uptime > 0 seconds then alert
      if total filedescriptors > 1 then alert if disk read >= 0 B/s then alert if disk write >= 0 operations/s then alert
      if loadavg(1min) >= 0 then alert if failed uid ${process.getuid?.()} then alert if changed pid then alert`);
    assert.equal(await looked.look(process.pid, 1000), '??mmmmmmm??mn?');
    assert.equal(await looked.look(process.pid, 2000), 'mmmmmmmmmmmmnn');
    assert.equal(await looked.look(999_999_999), '??????????????');
  });

  test('a file that takes longer to be read than it is waited for is read once all the same', async () => {
    const path = join(folder, 'large');
    writeFileSync(path, 'content');
    const looked = new Looked(`check file x with path ${path} if failed md5 checksum then alert`);
    let opened = 0;
    let goOn = (): void => {};
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const reader = fileReader(30_000);
    const open = async (file: string): Promise<OpenFile> => {
      opened += 1;
      await gate;
      return reader.open(file);
    };
    const sampler = new EntrySampler(looked.entry, {
      limits: DEFAULT_LIMITS,
      run: { environment: {}, onChild: () => {} },
      reader: { ...reader, open },
    });
    const look = (): Promise<Sample> => sampler.sample(null, view(0), Date.now());
    const looks = [look(), look()];
    await until('it is read', () => opened > 0);
    looks.push(look());
    goOn();
    const sums = (await Promise.all(looks)).map(({ properties }) => properties.checksum);
    assert.deepEqual(sums, Array(3).fill('9a0364b9e99bb480dd25e1f0284c8555'));
    assert.equal(opened, 1);
    await look();
    assert.equal(opened, 2);
  });

  test('a process: what no rule asks about and is dear to read is read each ten seconds', async () => {
    const files: number[] = [];
    const count = async (looked: Looked, atMs: number): Promise<number> => {
      await looked.look(process.pid, atMs);
      files.push(openSync(join(folder, '.'), 'r'));
      return looked.sample?.figures['file-descriptors']?.absolute ?? 0;
    };
    const shown = new Looked('check process x with pidfile /x');
    const asked = new Looked('check process x with pidfile /x if filedescriptors > 1 then alert');
    const [first, second, third] = [
      await count(shown, 0),
      await count(shown, 1000),
      await count(shown, 2000),
    ];
    assert.ok(second > first, 'the second reading gives rates');
    assert.equal(third, second);
    assert.ok((await count(shown, 12_000)) > second);
    const [one, two, three] = [await count(asked, 0), await count(asked, 1000), await count(asked, 2000)];
    assert.ok(one < two && two < three);
    for (const file of files) closeSync(file);
  });

  test('the host', async () => {
    const looked =
      new Looked(`check system here if loadavg(15min) per core >= 0 then alert if cpu >= 0% then alert
      if cpu(user) >= 0% then alert if memory > 1 MB then alert if swap >= 0% then alert if uptime > 1 second then alert`);
    assert.equal(await looked.look(null, 1), 'm??mmm');
    // Times of the kernel move in hundredths of a second.
    const burnUntil = performance.now() + 60;
    while (performance.now() < burnUntil);
    assert.equal(await looked.look(null, 2), 'mmmmmm');
  });

  test('a file: size, age, owner, permission, checksum, changes and what is new in it', async () => {
    const path = join(folder, 'file');
    writeFileSync(path, 'an ERROR of old\n');
    chmodSync(path, 0o640);
    const looked =
      new Looked(`check file f with path ${path} if size > 5 B then alert if timestamp < 1 hour then alert
      if failed uid ${process.getuid?.()} then alert if failed permission 640 then alert if failed permission 600 then alert
      if failed checksum expect 0123456789abcdef0123456789abcdef then alert if changed checksum then alert
      if changed size then alert if match "ERROR" then alert if not match "fine" then alert ignore content = "^ignored"`);
    assert.equal(await looked.look(), 'mmnnmm??nm');
    assert.equal(await looked.look(), 'mmnnmmnnnm');
    appendFileSync(path, 'ignored ERROR\n');
    assert.equal(await looked.look(), 'mmnnmmmmnm');
    appendFileSync(path, 'an ERROR, else fine\n');
    assert.equal(await looked.look(), 'mmnnmmmmmn');
    assert.equal(await looked.look(), 'mmnnmmnnnm');
    rmSync(path);
    await looked.look();
    assert.equal(looked.sample?.exists, false);
  });

  test('a file is looked at by whole lines, of each up to a bound', async () => {
    const path = join(folder, 'lines');
    writeFileSync(path, '');
    const looked = new Looked(`check file f with path ${path} if match "ERROR" then alert
      if match "^(a+)+$" then alert if not match "^(a+)+$" then alert`);
    const looksAt = async (text: string): Promise<string> => {
      appendFileSync(path, text);
      return looked.look();
    };
    assert.equal(await looksAt(''), 'nnm');
    assert.equal(await looksAt('its writer comes to the end of an ERR'), 'nnm');
    assert.equal(await looksAt('OR later\n'), 'mnm');
    // What stands behind the bound is not looked at, nor is the line waited for any longer.
    const lineMax = DEFAULT_LIMITS.fileContentBufferBytes - 1;
    assert.equal(await looksAt(`${'x'.repeat(lineMax - 5)}ERROR\n`), 'mnm');
    assert.equal(await looksAt(`${'x'.repeat(lineMax - 4)}ERROR\n`), 'nnm');
    assert.equal(await looksAt('x'.repeat(lineMax)), 'nnm');
    assert.equal(await looksAt('ERROR\n'), 'mnm');
    // A pattern that would take for ever is told, whatever the rule hopes for.
    assert.equal(await looksAt(`${'a'.repeat(60)}!\n`), 'nmm');
    assert.equal(looked.sample?.probes.get(1)?.text, 'the pattern takes too long');
  });

  test('a directory is no file', async () => {
    const looked = new Looked(`check file f with path ${folder}`);
    await looked.look();
    assert.equal(looked.sample?.properties['other-type'], 'is no file');
    const directory = new Looked(`check directory d with path ${folder} if changed timestamp then alert`);
    await directory.look();
    assert.equal(directory.sample?.exists, true);
  });

  test('a file system, by a path in it', async () => {
    const looked =
      new Looked(`check filesystem fs with path ${folder} if space usage >= 0% then alert if space free > 1 B then alert
      if inode usage > 100% then alert if changed fsflags then alert`);
    assert.match(await looked.look(), /^mm[n?]\?$/);
    assert.match(await looked.look(), /^mm[n?]n$/);
    const nowhere = new Looked('check filesystem fs with path /nonexistent/device');
    await nowhere.look();
    assert.equal(nowhere.sample?.exists, false);
  });

  test('a file system: what the device below does, from the second look on', async (t) => {
    const looked = new Looked(`check filesystem fs with path / if read rate >= 0 B/s then alert
      if write rate >= 0 operations/s then alert if service time >= 0 ms then alert`);
    assert.equal(await looked.look(null, 1000), '???');
    if (looked.sample?.shown?.['disk-read-bytes'] === undefined) {
      t.skip('the root lies on no block device');
      return;
    }
    assert.equal(await looked.look(null, 2000), 'mmm');
  });

  test('a program: its status, changes of it, and what it says', async () => {
    const looked = new Looked(
      `check program p with path "/bin/sh -c 'cat ${folder}/status; exit $(cat ${folder}/status)'" if status != 0 then alert if changed status then alert`,
    );
    writeFileSync(join(folder, 'status'), '0');
    assert.equal(await looked.look(), 'n?');
    writeFileSync(join(folder, 'status'), '3');
    assert.equal(await looked.look(), 'mm');
    assert.equal(looked.sampler.output, '3');
    const words = new Looked(
      `check program p with path "/bin/sh -c 'echo one; cat ${folder}/status'" if content = "^3$" then alert if content != "two" then alert`,
    );
    assert.equal(await words.look(), 'mm');
    writeFileSync(join(folder, 'status'), 'two');
    assert.equal(await words.look(), 'nn');
    const lines = new Looked(
      `check program p with path "/bin/printf 'one a\\\\nb two'" if content = "a.b" then alert if content = "^b" then alert`,
    );
    assert.equal(await lines.look(), 'mm');
    assert.equal(lines.sampler.output, 'one a\nb two');
    const missing = new Looked('check program p with path /nonexistent/x if status != 0 then alert');
    assert.equal(await missing.look(), 'm');
    assert.equal(missing.sample?.exists, false);
  });

  test('a host: whether it answers pings, and how soon', async (t) => {
    const host =
      new Looked(`check host h with address 127.0.0.1 if failed ping count 1 with timeout 30 seconds then alert
      if failed ping responsetime > 1 minute then alert if failed ping responsetime >= 0 ms then alert if succeeded ping then alert`);
    const found = await host.look();
    if (found === '????') t.skip('this user may not send pings');
    else assert.equal(found, 'nnmm');
    const nobody = new Looked('check host h with address nobody.invalid if failed ping then alert');
    assert.match(await nobody.look(), /^[m?]$/);
  });

  test('a host: its ports; and where there is no process its ports are not tried', async () => {
    const host = new Looked('check host h with address 127.0.0.1 if failed port 1 then alert');
    assert.equal(await host.look(), 'm');
    const process = new Looked('check process p with pidfile /p if failed port 1 then alert');
    assert.equal(await process.look(null), '?');
  });
});
