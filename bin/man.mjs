// Writes the manual pages in man/ from the programs' tables of options, for what is installed or published. Needs a build.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { manFiles } from '../dist/src/cli/man-pages.js';

const folder = fileURLToPath(new URL('../man/', import.meta.url));
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder)) rmSync(folder + name);
for (const [name, text] of manFiles()) writeFileSync(folder + name, text);
