/** What is published: all that runs needs, and nothing else. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { version } from 'twincached';

interface Packed {
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

interface Manifest {
  readonly version: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Paths that `npm pack` would put into the package. Without the scripts, which would build anew under the tests' feet. */
function packedFiles(): readonly string[] {
  const output = execFileSync(
    'npm',
    ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  // npm 7 to 10 write an array, npm 11 may write an object by package name.
  const report: readonly Packed[] | Readonly<Record<string, Packed>> = JSON.parse(output);
  return Object.values(report).flatMap(({ files }: Packed) => files.map(({ path }) => path));
}

test('the package holds the command, the compiled sources, the service files, the licence and the README', () => {
  const files = packedFiles();
  for (const path of [
    'package.json',
    'LICENSE',
    'README.md',
    'man/twincached.1',
    'man/twincached-memcached.1',
    'packaging/init.d/twincached',
    'packaging/default/twincached',
    'packaging/systemd/twincached.service',
    'packaging/systemd/twincached@.service',
    'packaging/prometheus/twincached-alerts.yml',
    'packaging/grafana/twincached.json',
    'packaging/systemd/twincached-cluster.service',
    'packaging/default/twincached-cluster',
    'packaging/docker/Dockerfile',
    'packaging/docker/compose.yaml',
    'packaging/logrotate/twincached',
    'bin/twincached',
    'bin/build.mjs',
    'bin/load.cjs',
    'bin/package.json',
    'dist/bundle/package.json',
    'dist/bundle/cli/main.js',
    'dist/bundle/cli/main.code.cjs',
    'dist/bundle/node/data-thread.js',
    'dist/bundle/node/data-thread.code.cjs',
    'dist/bundle/proxy/data-thread.js',
    'dist/bundle/proxy/data-thread.code.cjs',
    'dist/src/cli/main.js',
    'dist/src/dashboard/page/monit.css',
    'dist/src/dashboard/page/monit.js',
    'dist/src/dashboard/page/page.css',
    'dist/src/dashboard/page/page.js',
    'dist/src/index.js',
    'dist/src/index.d.ts',
  ]) {
    assert.ok(files.includes(path), `${path} is not packed`);
  }
  const allowed =
    /^(package\.json|LICENSE|README\.md|bin\/(twincached|(build|man)\.mjs|load\.cjs|package\.json)|dist\/bundle\/(package\.json|\w+\/[\w-]+\.(js|code\.cjs))|man\/twincached(-[a-z]+)*\.1|packaging\/[\w./@-]+|examples\/[\w-]+\.yml|dist\/src\/.*\.(js|d\.ts)|dist\/src\/dashboard\/page\/(page|monit)\.css)$/;
  assert.deepEqual(
    files.filter((path) => !allowed.test(path) || path.includes('.test.')),
    [],
  );
});

test('the command may be executed', () => {
  assert.equal(statSync(`${root}bin/twincached`).mode & 0o111, 0o111);
});

test('the package can be imported by its name, and knows its version', () => {
  const manifest: Manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  assert.equal(version, manifest.version);
});

/** A program of somebody who uses the package, in TypeScript. */
const CONSUMER = `
import { CacheNode, type CacheNodeOptions, Client, Proxy as CacheProxy, type ProxyOptions, StartError, version } from 'twincached';

const options: CacheNodeOptions = { memoryBytesMax: 8 * 1024 * 1024, replicationPort: 0, extended: { slabAutomove: 0 } };
const node = new CacheNode(options);
await node.start();
const twin: CacheNode = new CacheNode({ twins: [node.replicationAddress] });
await twin.start();
const servers: ProxyOptions = { servers: [node.address], backups: [twin.address] };
const proxy = new CacheProxy(servers);
await proxy.start();
const client: Client = new Client(proxy.address);
await client.set('k', 'v');
const reply: Buffer | null = await client.get('k');
client.close();
await proxy.stop();
await twin.stop();
await node.stop();
const ended: Error | null = await node.ended;
console.log(JSON.stringify([String(reply), version, ended, new StartError('x').exitCode]));
`;

test('what is packed can be installed, compiled against, and run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'twincached-test-'));
  try {
    const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder];
    execFileSync('npm', pack, { cwd: root, encoding: 'utf8' });
    const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'no tarball';
    // As npm lays it out, without asking a registry for what is here already.
    const modules = join(folder, 'node_modules');
    mkdirSync(join(modules, 'twincached'), { recursive: true });
    execFileSync('tar', [
      '-xzf',
      join(folder, tarball),
      '-C',
      join(modules, 'twincached'),
      '--strip-components=1',
    ]);
    for (const name of ['koffi', 'yaml', 'zod', '@types', '@koromix'].filter((name) =>
      readdirSync(join(root, 'node_modules')).includes(name),
    ))
      symlinkSync(join(root, 'node_modules', name), join(modules, name));

    // Without a code cache, which is not packed.
    const command = join(modules, 'twincached', 'bin', 'twincached');
    assert.equal(execFileSync(command, ['--version'], { encoding: 'utf8' }), `twincached ${version}\n`);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    writeFileSync(join(folder, 'consumer.ts'), CONSUMER);
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const flags = [
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--types',
      'node',
      '--exactOptionalPropertyTypes',
    ];
    execFileSync(process.execPath, [compiler, ...flags, 'consumer.ts'], { cwd: folder, encoding: 'utf8' });
    const output = execFileSync(process.execPath, ['consumer.js'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 120_000,
    });
    assert.deepEqual(JSON.parse(output), ['v', version, null, 1]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
