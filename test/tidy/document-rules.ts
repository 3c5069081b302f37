/** Rules about documents and the package's own files. Each returns sentences. */
import { posix } from 'node:path';
import { lineOf } from './source-text.ts';
import type { Room, Tree } from './source-tree.ts';

const README_LINES_MAX = 120;

/** Written in parts, or this file would be the first to be found. */
const PRIVATE_WORDS = new RegExp(`(?<![\\w.])/${'work'}/|\\bregistry\\.[a-z]|_auth${'Token'}`, 'g');

/** The anchor that a heading gets on the usual forges. */
function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

/** A text without its fenced blocks and inline code, same length. */
function prose(text: string): string {
  return text.replace(/^(```|~~~).*?^\1|`[^`\n]*`/gms, (code) => code.replace(/[^\n]/g, ' '));
}

function anchors(text: string): Set<string> {
  const withoutFences = text.replace(/^(```|~~~).*?^\1/gms, '');
  return new Set([...withoutFences.matchAll(/^#+\s+(.*)$/gm)].map(([, heading]) => anchorOf(heading ?? '')));
}

/** Every relative link of a document leads to a file of the project, and to a heading of it where it names one. */
export function links(tree: Tree): string[] {
  const found: string[] = [];
  const folders = new Set([...tree.texts.keys()].map((path) => posix.dirname(path)));
  for (const [path, text] of tree.texts) {
    if (!path.endsWith('.md')) continue;
    const body = prose(text);
    for (const match of body.matchAll(/\]\(([^)\s]+)\)/g)) {
      const link = match[1] ?? '';
      if (/^[a-z]+:/.test(link)) continue;
      const [name = '', anchor] = link.split('#');
      const target = name === '' ? path : posix.join(posix.dirname(path), name).replace(/\/$/, '');
      const where = `${path}:${lineOf(body, match.index)} links to ${link}`;
      const targetText = tree.texts.get(target);
      if (targetText === undefined && !folders.has(target)) found.push(`${where}, which is not there.`);
      else if (anchor !== undefined && targetText !== undefined && !anchors(targetText).has(anchor)) {
        found.push(`${where}, but ${target} has no such heading.`);
      }
    }
  }
  return found;
}

export function readmeSize(tree: Tree): string[] {
  const lines = (tree.texts.get('README.md') ?? '').trimEnd().split('\n').length;
  return lines > README_LINES_MAX ? [`README.md has ${lines} lines; ${README_LINES_MAX} are the most.`] : [];
}

/** The project speaks of itself only, not of a machine or a registry that it was made with. */
export function privateWords(tree: Tree): string[] {
  const found: string[] = [];
  for (const [path, text] of tree.texts) {
    for (const match of text.matchAll(PRIVATE_WORDS)) {
      found.push(`${path}:${lineOf(text, match.index)} names a place outside of the project: ${match[0]}`);
    }
  }
  return found;
}

/** The lock file holds versions and checksums; where packages come from is the installer's affair. */
export function lockFile(tree: Tree): string[] {
  const lock = tree.texts.get('package-lock.json');
  if (lock === undefined) return ['package-lock.json is missing.'];
  const at = lock.indexOf('"resolved"');
  return at === -1 ? [] : [`package-lock.json:${lineOf(lock, at)} holds the address of a package.`];
}

/** The room table as docs/internals/rooms.md must show it. */
export function roomTable(rooms: readonly Room[]): string {
  const rows = rooms.map(({ level, room, kind, imports, holds }) => {
    const beside = imports.length === 0 ? '' : `; may import ${imports.join(', ')}`;
    return `| ${level} | \`${room}\` | ${kind} | ${holds}${beside} |`;
  });
  return ['| level | room | kind | holds |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

/** A table without the padding that lines its columns up. */
function unpadded(text: string): string {
  return text.replace(/-{3,}/g, '---').replace(/ {2,}/g, ' ');
}

export function roomDocument(tree: Tree): string[] {
  const table = roomTable(tree.rooms);
  if (unpadded(tree.texts.get('docs/internals/rooms.md') ?? '').includes(`\n${table}\n`)) return [];
  return [`docs/internals/rooms.md does not show src/rooms.json as it is; the table should be:\n${table}`];
}
