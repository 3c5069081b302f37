import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** What `npm run build` has bundled of the page. */
export interface PageFiles {
  readonly script: string;
  readonly style: string;
  /** Is another one when they are: addresses that have it may be kept. */
  readonly mark: string;
}

const known: Map<string, PageFiles> = new Map();

/**
 * The script and the style of a page, read once.
 *
 * @param name `page`: the cluster's; `monit`: that of a control file
 */
export function pageFiles(name: 'page' | 'monit'): PageFiles {
  const files = known.get(name) ?? readFiles(name);
  known.set(name, files);
  return files;
}

function readFiles(name: string): PageFiles {
  // From dist/src/dashboard and from dist/bundle/dashboard it is the same way.
  const folder = new URL('../../../dist/src/dashboard/page/', import.meta.url);
  const read = (kind: string): string => readFileSync(new URL(`${name}.${kind}`, folder), 'utf8');
  const [script, style] = [read('js'), read('css')];
  const mark = createHash('sha256').update(script).update(style).digest('hex').slice(0, 12);
  return { script, style, mark };
}
