import type { ReadStream, WriteStream } from 'node:tty';

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[2J';
const LEAVE = '\x1b[?25h\x1b[?1049l';

/**
 * A terminal that a program draws on as a whole, on the screen that it keeps for such programs, with keys that come one by one.
 *
 * However the process ends, short of SIGKILL, the terminal is put back as it was: by `close`, by a signal, by an exception, by Ctrl-Z until the
 * program is called back.
 */
export class LiveTerminal {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #onKeys: (text: string) => void;
  readonly #onRedraw: () => void;
  #shown: readonly string[] = [];
  #isOpen = false;
  readonly #restore = (): void => this.#leave();
  readonly #resized = (): void => {
    this.#shown = [];
    this.#onRedraw();
  };
  readonly #continued = (): void => {
    this.#enter();
    this.#onRedraw();
  };
  readonly #read = (chunk: string): void => this.#onKeys(chunk);

  /**
   * Takes the terminal.
   *
   * @param onKeys is given what comes from the keyboard
   * @param onRedraw everything has to be drawn anew: the size has changed, or another program was in between
   */
  constructor(input: ReadStream, output: WriteStream, onKeys: (text: string) => void, onRedraw: () => void) {
    this.#input = input;
    this.#output = output;
    this.#onKeys = onKeys;
    this.#onRedraw = onRedraw;
    input.setEncoding('utf8');
    input.on('data', this.#read);
    output.on('resize', this.#resized);
    // A terminal that has gone.
    output.on('error', () => process.exit(1));
    input.on('error', () => process.exit(1));
    process.on('exit', this.#restore);
    process.on('SIGCONT', this.#continued);
    this.#enter();
  }

  get columns(): number {
    return Math.max(1, this.#output.columns ?? 80);
  }

  get rows(): number {
    return Math.max(1, this.#output.rows ?? 24);
  }

  /** Shows lines; only what has changed is sent. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    let text = '';
    const count = Math.max(lines.length, this.#shown.length);
    for (let row = 0; row < count; row++) {
      const line = lines[row] ?? '';
      if (line !== this.#shown[row]) text += `\x1b[${row + 1};1H${line}\x1b[K`;
    }
    this.#shown = lines;
    if (text !== '') this.#output.write(text);
  }

  /** Draws all of it anew with the next `draw`. */
  forget(): void {
    this.#shown = [];
    if (this.#isOpen) this.#output.write('\x1b[2J');
  }

  /** Stands aside until the process is continued, as Ctrl-Z asks. */
  suspend(): void {
    this.#leave();
    process.kill(process.pid, 'SIGSTOP');
  }

  /** Puts the terminal back. */
  close(): void {
    process.off('exit', this.#restore);
    process.off('SIGCONT', this.#continued);
    this.#output.off('resize', this.#resized);
    this.#input.off('data', this.#read);
    this.#leave();
    this.#input.pause();
    this.#input.unref();
  }

  #enter(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#shown = [];
    this.#input.setRawMode(true);
    this.#input.resume();
    this.#output.write(ENTER);
  }

  #leave(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.#input.setRawMode(false);
      this.#output.write(LEAVE);
    } catch {
      // There is no terminal any more.
    }
  }
}
