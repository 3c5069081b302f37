// Compiles the sources to dist/, and bundles the monitor's page and the command. Runs after `npm install` in a checkout; an installed package carries dist/ already
// and has neither sources nor compiler, so there it does nothing.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = `${root}node_modules/typescript/bin/tsc`;

function compile(project) {
  const result = spawnSync(process.execPath, [compiler, '-p', project], { stdio: 'inherit' });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** What runs as a file of its own: the command, and the threads that it starts. */
const PROGRAMS = [
  'src/cli/main.ts',
  'src/node/data-thread.ts',
  'src/proxy/data-thread.ts',
  'src/net/waiting-thread.ts',
  'src/load/load-thread.ts',
];

/** Of what is not ours in the command's bundles; koffi and nodemailer stay packages. */
const BUNDLED_PACKAGES = ['yaml', 'zod'];

/** To a file of the sources it is where the file would stand beside the bundles, in its room: paths are the same from dist/src/ROOM and dist/bundle/ROOM. */
const ownAddress = {
  name: 'own address',
  setup: (build) => {
    build.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (!text.includes('import.meta.url')) return null;
      const place = relative(`${root}src`, path).replace(/\.ts$/, '.js');
      return { contents: text.replaceAll('import.meta.url', `__addressOf('${place}')`), loader: 'ts' };
    });
  },
};

const ADDRESS_OF = `const __addressOf = (place) => require('node:url').pathToFileURL(__dirname + '/../' + place).href;`;

/**
 * One file for each program, in place of a hundred modules: what is loaded at once is compiled, and its code kept, in one go (see bin/load.cjs). Nothing
 * is renamed or shortened, so that a stack trace still can be read.
 *
 * @returns whether one has no code cache
 */
async function bundlePrograms({ build }) {
  const folder = `${root}dist/bundle`;
  let isNew = false;
  for (const source of PROGRAMS) {
    const program = source.slice('src/'.length, -'.ts'.length);
    const code = `${folder}/${program}.code.cjs`;
    const { outputFiles } = await build({
      entryPoints: [`${root}${source}`],
      outfile: code,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      charset: 'ascii',
      external: ['koffi', 'nodemailer'],
      // A script that is loaded with its cache knows only require.
      supported: { 'dynamic-import': false },
      plugins: [ownAddress],
      legalComments: 'none',
      write: false,
      logLevel: 'warning',
    });
    // Comments of classes are in it. A text with characters beyond those of ASCII would take twice the memory.
    const text = outputFiles[0].text.replace(/[^\0-\x7f]/g, '?');
    const parts = text.includes('// node_modules/')
      ? `/*! With parts of\n${licences(BUNDLED_PACKAGES)}*/`
      : '';
    mkdirSync(dirname(code), { recursive: true });
    const head = `(function (exports, require, module, __dirname) { 'use strict'; ${ADDRESS_OF}`;
    writeFileSync(code, `${head}\n${text}})\n${parts}`);
    const content = createHash('sha256').update(readFileSync(code)).digest('hex').slice(0, 16);
    const load = `require('../../../bin/load.cjs').load(__dirname + '/${basename(code)}', '${content}', `;
    // A thread is nothing but its own program; the command is one of several.
    const start = program === 'cli/main' ? `exports.load = (name) => ${load}name);` : `${load}'thread');`;
    writeFileSync(`${folder}/${program}.js`, `${start}\n`);
    const beside = readdirSync(dirname(code)).filter((name) => name.startsWith(`${basename(code)}.`));
    const caches = beside.filter((name) => name.includes(content));
    for (const name of beside) if (!caches.includes(name)) rmSync(`${dirname(code)}/${name}`);
    if (caches.length === 0) isNew = true;
  }
  writeFileSync(`${folder}/package.json`, '{ "type": "commonjs" }\n');
  return isNew;
}

/**
 * Each server runs for a moment, so that the code caches are there before its first real start. Where one cannot run, nothing is lost: the
 * caches come when such a program ends.
 */
async function writeCaches() {
  const folder = mkdtempSync(`${tmpdir()}/twincached-build-`);
  const file = `${folder}/proxy.yml`;
  writeFileSync(file, `listen: ${folder}/proxy\npools: { servers: { servers: [127.0.0.1:1] } }\n`);
  const asRoot = process.getuid?.() === 0 ? ['-u', 'root'] : [];
  await Promise.all([
    runUntilServing(`${folder}/node`, [
      'memcached',
      '-s',
      `${folder}/node`,
      '-X',
      '0',
      '-l',
      '127.0.0.1',
      ...asRoot,
    ]),
    runUntilServing(`${folder}/magent`, [
      'magent',
      '-s',
      '127.0.0.1:1',
      '-p',
      '0',
      '-f',
      `${folder}/magent`,
      '-D',
    ]),
    runUntilServing(`${folder}/proxy`, ['proxy', '-c', file]),
  ]);
  rmSync(folder, { recursive: true, force: true });
}

/** Until it answers a client, or for five seconds. */
async function runUntilServing(socket, words) {
  const child = spawn(process.execPath, [`${root}bin/twincached`, ...words], { stdio: 'ignore' });
  const ended = once(child, 'exit').catch(() => {});
  for (let round = 0; round < 100 && !(await answers(socket)); round++) await delay(50);
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(timer);
}

function answers(socket) {
  return new Promise((resolve) => {
    const client = connect(socket, () => client.write('version\r\n'));
    client.setTimeout(1000, () => client.destroy());
    client.on('error', () => {});
    client.on('data', () => client.end(() => resolve(true)));
    client.on('close', () => resolve(false));
  });
}

function licences(names) {
  return names
    .map((name) => `${name}:\n${readFileSync(`${root}node_modules/${name}/LICENSE`, 'utf8')}`)
    .join('\n');
}

if (existsSync(`${root}tsconfig.json`) && existsSync(compiler)) {
  if (process.argv.includes('--clean')) rmSync(`${root}dist`, { recursive: true, force: true });
  compile(root);
  // Types only: what runs in the browser is bundled, with all that it needs, into one script and one style sheet.
  compile(`${root}page`);
  const esbuild = await import('esbuild');
  esbuild.buildSync({
    entryPoints: { page: `${root}page/main.tsx`, monit: `${root}page/monit.tsx` },
    outdir: `${root}dist/src/dashboard/page`,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    footer: { js: `/*! With parts of\n${licences(['preact', 'uplot'])}*/` },
    logLevel: 'warning',
  });
  const isNew = await bundlePrograms(esbuild);
  chmodSync(`${root}bin/twincached`, 0o755);
  if (isNew) await writeCaches();
}
