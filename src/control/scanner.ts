import { ControlError } from './control-error.ts';
import type { Place } from './tree.ts';

/** One piece of a control file, read as what keywords are made of. */
export interface Token {
  readonly kind: 'word' | 'text' | 'number' | 'operator' | 'brace' | 'end';
  /** As written; of a quoted text what is between the quotes. */
  readonly text: string;
  readonly place: Place;
  /** Where it begins in the file. */
  readonly offset: number;
  /** No blank stands between it and the token before. */
  readonly isAttached: boolean;
}

/** Most characters of one text or word. */
export const TEXT_LENGTH_MAX: number = 64 * 1024;

const BLANK = /[\s,;()]/;

/**
 * Reads one file piece by piece.
 *
 * There are two ways to read what comes next, and the parser says which it wants: as a token, where `40%` is a number and a
 * sign, or as a string, where everything up to the next blank belongs to it. Monit's own lexer decides before it knows what is
 * wanted; so a password that happens to be a unit of time is a syntax error there. Here it cannot be.
 */
export class Scanner {
  readonly file: string;
  readonly #text: string;
  #offset = 0;
  #line = 1;
  #peeked: { readonly token: Token; readonly endOffset: number; readonly endLine: number } | null = null;

  constructor(file: string, text: string) {
    this.file = file;
    this.#text = text;
  }

  /** The next token; it stays the next one. */
  peek(): Token {
    if (this.#peeked === null) {
      const startOffset = this.#offset;
      const startLine = this.#line;
      const token = this.#scan();
      this.#peeked = { token, endOffset: this.#offset, endLine: this.#line };
      this.#offset = startOffset;
      this.#line = startLine;
    }
    return this.#peeked.token;
  }

  /** Takes the next token. */
  take(): Token {
    const token = this.peek();
    if (this.#peeked !== null) {
      this.#offset = this.#peeked.endOffset;
      this.#line = this.#peeked.endLine;
      this.#peeked = null;
    }
    return token;
  }

  /**
   * Takes a string: what is in quotes, or everything up to the next blank or brace. Commas and semicolons at its end do not belong to it.
   *
   * @param ends further characters that end an unquoted string
   * @returns null at the end of the file, or where one of `ends` stands
   */
  takeString(ends = ''): Token | null {
    this.#peeked = null;
    const isAttached = !this.#skipBlanks();
    const place = this.#place();
    const offset = this.#offset;
    const first = this.#text[offset];
    if (first === undefined) return null;
    if (first === '"' || first === "'")
      return { kind: 'text', text: this.#quoted(first), place, offset, isAttached };
    let end = offset;
    for (; end < this.#text.length; end++) {
      const character = this.#text.charAt(end);
      if (/[\s{}"']/.test(character) || ends.includes(character)) break;
    }
    const text = this.#text.slice(offset, end).replace(/[,;]+$/, '');
    if (text === '') return null;
    this.#checkLength(text, place);
    this.#offset = offset + text.length;
    return { kind: 'word', text, place, offset, isAttached };
  }

  /** Takes a quoted text that follows without a blank, as in `admin:"secret"`; null when there is none. */
  takeAttachedText(): string | null {
    const quote = this.#text[this.#offset];
    if (this.#peeked !== null || (quote !== '"' && quote !== "'")) return null;
    return this.#quoted(quote);
  }

  /** Takes everything up to one of the characters, or to the end of the line where `\n` is one of them. */
  takeUntil(ends: string): string {
    this.#peeked = null;
    const start = this.#offset;
    while (this.#offset < this.#text.length && !ends.includes(this.#text.charAt(this.#offset))) {
      if (this.#text[this.#offset] === '\n') this.#line += 1;
      this.#offset += 1;
    }
    const text = this.#text.slice(start, this.#offset);
    this.#checkLength(text, this.#place());
    return text;
  }

  /** Whether the next character, blanks left aside, is this one; it stays. */
  isNext(character: string): boolean {
    let at = this.#offset;
    while (at < this.#text.length && /\s/.test(this.#text.charAt(at))) at += 1;
    return this.#text[at] === character;
  }

  #place(): Place {
    return { file: this.file, line: this.#line };
  }

  #checkLength(text: string, place: Place): void {
    if (text.length > TEXT_LENGTH_MAX)
      throw new ControlError(place, `a text has at most ${TEXT_LENGTH_MAX} characters`);
  }

  /** @returns whether there was anything to skip */
  #skipBlanks(): boolean {
    const start = this.#offset;
    for (;;) {
      const character = this.#text[this.#offset];
      if (character === undefined) break;
      if (character === '#') {
        const end = this.#text.indexOf('\n', this.#offset);
        this.#offset = end < 0 ? this.#text.length : end;
      } else if (BLANK.test(character)) {
        if (character === '\n') this.#line += 1;
        this.#offset += 1;
      } else break;
    }
    return this.#offset > start;
  }

  #scan(): Token {
    const isAttached = !this.#skipBlanks();
    const place = this.#place();
    const offset = this.#offset;
    const rest = (pattern: RegExp): string | null => {
      pattern.lastIndex = offset;
      const match = pattern.exec(this.#text);
      return match === null ? null : match[0];
    };
    const first = this.#text[offset];
    if (first === undefined) return { kind: 'end', text: '', place, offset, isAttached };
    if (first === '"' || first === "'")
      return { kind: 'text', text: this.#quoted(first), place, offset, isAttached };
    const found = (kind: Token['kind'], text: string): Token => {
      this.#checkLength(text, place);
      this.#offset = offset + text.length;
      return { kind, text, place, offset, isAttached };
    };
    if (/[{}[\]]/.test(first)) return found('brace', first);
    const operator = rest(/[<>=!]=?/y);
    if (operator !== null) return found('operator', operator);
    const number = rest(/\d+(?:\.\d+)?(?![\d.])/y);
    if (number !== null) return found('number', number);
    if (first === '%') return found('word', '%');
    const word = rest(/[^\s"'{}[\]<>=!,;()#%]+/y);
    return found('word', word ?? first);
  }

  /** Takes a quoted text; a quote of its own kind can stand in it behind a backslash, and two backslashes are no such thing. */
  #quoted(quote: string): string {
    const place = this.#place();
    let text = '';
    for (let at = this.#offset + 1; at < this.#text.length; at++) {
      const character = this.#text.charAt(at);
      if (character === '\\' && this.#text[at + 1] === quote) {
        text += quote;
        at += 1;
      } else if (character === '\\' && this.#text[at + 1] === '\\') {
        text += '\\\\';
        at += 1;
      } else if (character === quote) {
        this.#offset = at + 1;
        this.#checkLength(text, place);
        return text;
      } else {
        if (character === '\n') this.#line += 1;
        text += character;
      }
    }
    throw new ControlError(place, 'unbalanced quotes', quote);
  }
}
