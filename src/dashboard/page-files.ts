import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** What `npm run build` has bundled of the page. */
export interface PageFiles {
  readonly script: string;
  readonly style: string;
  /** Is another one when they are: addresses that have it may be kept. */
  readonly mark: string;
}

let known: PageFiles | null = null;

/** The page's script and style, read once. */
export function pageFiles(): PageFiles {
  known ??= readFiles();
  return known;
}

function readFiles(): PageFiles {
  const read = (name: string): string => readFileSync(new URL(`./page/${name}`, import.meta.url), 'utf8');
  const [script, style] = [read('page.js'), read('page.css')];
  const mark = createHash('sha256').update(script).update(style).digest('hex').slice(0, 12);
  return { script, style, mark };
}
