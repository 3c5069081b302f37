import type { Token } from './scanner.ts';

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\\\\', '\\'],
  ['\\n', '\n'],
  ['\\r', '\r'],
  ['\\t', '\t'],
  ['\\ ', ' '],
]);

/** What a text or a pattern in quotes means: a backslash is written as two, as monit has it. Of commands that is so within single quotes only. */
export function unescaped({ kind, text }: Pick<Token, 'kind' | 'text'>): string {
  return kind === 'text' ? text.replace(/\\[\\nrt ]/g, (pair) => ESCAPES.get(pair) ?? pair) : text;
}

/** `\0xHH` as the language writes a byte. */
export function withBytes(text: string): string {
  return text.replace(/\\0x([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
