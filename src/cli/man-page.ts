/** Manual pages in the macros of man(7), out of the tables and help texts that the programs themselves print. */
import type { OptionRow } from './getopt.ts';

export interface ManPage {
  /** As in `man NAME`. */
  readonly name: string;
  /** What it is, in a phrase. */
  readonly summary: string;
  /** Lines of how it is called. */
  readonly synopsis: readonly string[];
  /** Paragraphs. */
  readonly description: readonly string[];
  readonly options: readonly ManOption[];
  /** Further chapters: a title in capitals and paragraphs. */
  readonly chapters: readonly (readonly [string, readonly string[]])[];
  /** Names of other pages. */
  readonly seeAlso: readonly string[];
}

export interface ManOption {
  /** `-p, --port <num>`. */
  readonly spelling: string;
  readonly text: string;
}

/** The page as troff reads it. */
export function manPageText(page: ManPage, version: string): string {
  const lines = [
    `.\\" Written by "npm run man" from the tables of options.`,
    `.TH ${page.name.toUpperCase()} 1 "" "twincached ${version}" "User Commands"`,
    '.SH NAME',
    `${escaped(page.name)} \\- ${escaped(page.summary)}`,
    '.SH SYNOPSIS',
    ...page.synopsis.flatMap((line, index) => [...(index === 0 ? [] : ['.br']), `.B ${escaped(line)}`]),
    '.SH DESCRIPTION',
    ...paragraphs(page.description),
  ];
  if (page.options.length > 0) lines.push('.SH OPTIONS');
  for (const { spelling, text } of page.options)
    lines.push('.TP', `.B ${escaped(spelling)}`, ...paragraphs([text]));
  for (const [title, text] of page.chapters) lines.push(`.SH ${title}`, ...paragraphs(text));
  lines.push('.SH SEE ALSO', page.seeAlso.map((name) => `.BR ${escaped(name)} (1)`).join(' ,\n'));
  return `${lines.join('\n')}\n`;
}

function paragraphs(texts: readonly string[]): string[] {
  return texts.flatMap((text, index) => [
    ...(index === 0 ? [] : ['.PP']),
    ...(text.includes('\n') ? ['.nf', ...text.split('\n').map(escaped), '.fi'] : [escaped(text)]),
  ]);
}

/** A line of text, in which nothing means something to troff. */
function escaped(text: string): string {
  const plain = text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(
      /[^\x20-\x7e]/gu,
      (character) => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
    );
  return /^[.']/.test(plain) ? `\\&${plain}` : plain;
}

/** What stands in the page of an option that help does not show. */
const HIDDEN: Readonly<Record<string, string>> = {
  'memory-file': 'not supported: the node does not start',
  'napi-ids': 'not supported: the node does not start',
  'long-help': 'print this and exit',
};

/** The options of a table; spellings of one option stand together. */
export function optionsOfRows(rows: readonly OptionRow[]): ManOption[] {
  const names = [...new Set(rows.map(({ name }) => name))];
  return names.map((name) => {
    const spellings = rows.filter((row) => row.name === name);
    const valueName = spellings.find((row) => row.valueName !== undefined)?.valueName;
    const value = valueName === undefined ? '' : ` ${valueName}`;
    const spelled = spellings.flatMap(({ short, long }) => [
      ...(short === undefined ? [] : [`-${short}`]),
      ...(long === undefined ? [] : [`--${long}`]),
    ]);
    const help = spellings.flatMap((row) => row.help ?? []).join(' ');
    return { spelling: `${spelled.join(', ')}${value}`, text: help === '' ? (HIDDEN[name] ?? '') : help };
  });
}

/**
 * Takes a help text apart: `Usage:`, paragraphs, and lines that begin with two blanks and an option, or a word in capitals, with what it means behind two
 * blanks or more.
 */
export function pageOfHelp(name: string, summary: string, help: string, seeAlso: readonly string[]): ManPage {
  const synopsis: string[] = [];
  const description: string[] = [];
  const options: { spelling: string; text: string }[] = [];
  let paragraph = '';
  const endParagraph = (): void => {
    if (paragraph !== '') description.push(paragraph);
    paragraph = '';
  };
  for (const line of help.split('\n')) {
    const usage = /^(?:Usage: | {7})(twincached .*)$/.exec(line)?.[1];
    const option = /^ {2}(\S.*?)(?: {2,}(.*))?$/.exec(line);
    const further = /^ {6,}(\S.*)$/.exec(line)?.[1];
    const last = options.at(-1);
    if (usage !== undefined) synopsis.push(usage);
    else if (further !== undefined && last !== undefined) last.text = `${last.text} ${further}`.trim();
    else if (option !== null) options.push({ spelling: option[1] ?? '', text: option[2] ?? '' });
    else if (line.trim() === '') endParagraph();
    else paragraph = paragraph === '' ? line : `${paragraph} ${line}`;
  }
  endParagraph();
  return { name, summary, synopsis, description, options, chapters: [], seeAlso };
}
