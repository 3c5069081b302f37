// Compiles the sources to dist/ and bundles the monitor's page. Runs after `npm install` in a checkout; an installed package carries dist/ already
// and has neither sources nor compiler, so there it does nothing.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = `${root}node_modules/typescript/bin/tsc`;

function compile(project) {
  const result = spawnSync(process.execPath, [compiler, '-p', project], { stdio: 'inherit' });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

if (existsSync(`${root}tsconfig.json`) && existsSync(compiler)) {
  if (process.argv.includes('--clean')) rmSync(`${root}dist`, { recursive: true, force: true });
  compile(root);
  // Types only: what runs in the browser is bundled, with all that it needs, into one script and one style sheet.
  compile(`${root}page`);
  const { buildSync } = await import('esbuild');
  const licences = ['preact', 'uplot'].map(
    (name) => `${name}:\n${readFileSync(`${root}node_modules/${name}/LICENSE`, 'utf8')}`,
  );
  buildSync({
    entryPoints: { page: `${root}page/main.tsx`, monit: `${root}page/monit.tsx` },
    outdir: `${root}dist/src/dashboard/page`,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    footer: { js: `/*! With parts of\n${licences.join('\n')}*/` },
    logLevel: 'warning',
  });
  chmodSync(`${root}bin/twincached`, 0o755);
}
