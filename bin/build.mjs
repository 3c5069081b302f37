// Compiles the sources to dist/. Runs after `npm install` in a checkout; an installed package carries dist/ already
// and has neither sources nor compiler, so there it does nothing.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = `${root}node_modules/typescript/bin/tsc`;
if (existsSync(`${root}tsconfig.json`) && existsSync(compiler)) {
  if (process.argv.includes('--clean')) rmSync(`${root}dist`, { recursive: true, force: true });
  const result = spawnSync(process.execPath, [compiler, '-p', root], { stdio: 'inherit' });
  if (result.status !== 0) process.exit(result.status ?? 1);
  chmodSync(`${root}bin/twincached`, 0o755);
}
