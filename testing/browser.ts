import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const EXECUTABLE = '/usr/bin/chromium';

/** Why tests with a browser are skipped, or false. */
export const NO_BROWSER: string | false = existsSync(EXECUTABLE) ? false : 'chromium is not installed';

/** For everything that a test waits for in a browser; the machine may be very busy. */
const PATIENCE_MS = 30_000;

export interface PageSize {
  readonly width: number;
  readonly height: number;
}

export const DESKTOP: PageSize = { width: 1360, height: 900 };
export const PHONE: PageSize = { width: 390, height: 800 };

/** A page that is looked at, and all that went wrong on it. */
export interface Visit {
  readonly page: Page;
  /**
   * Fails when the console said something, a script threw, or something was asked of another host.
   *
   * @param expected what may have been said: the console tells of every refused request
   */
  assertClean(expected?: RegExp): void;
}

/** A real browser without a window. Start one for a whole file: it takes a second or two. */
export class Browser {
  readonly #context: BrowserContext;
  readonly #directory: string;

  private constructor(context: BrowserContext, directory: string) {
    this.#context = context;
    this.#directory = directory;
  }

  static async start(): Promise<Browser> {
    const directory = mkdtempSync(join(tmpdir(), 'twincached-chromium-'));
    const context = await chromium.launchPersistentContext(directory, {
      executablePath: EXECUTABLE,
      timeout: 60_000,
      viewport: null,
      // As root it has no sandbox; and it must talk to nobody but the page.
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    context.setDefaultTimeout(PATIENCE_MS);
    return new Browser(context, directory);
  }

  async stop(): Promise<void> {
    await this.#context.close();
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Forgets who is logged in. */
  async forget(): Promise<void> {
    await this.#context.clearCookies();
  }

  /**
   * @param origin nothing else may be asked for
   * @param headers go with every request
   */
  async visit(
    origin: string,
    size: PageSize = DESKTOP,
    colorScheme: 'light' | 'dark' = 'light',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Visit> {
    const page = await this.#context.newPage();
    await page.setExtraHTTPHeaders(headers);
    const faults: string[] = [];
    page.on('console', (message) => faults.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) faults.push(`asked for ${url}`);
    });
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.goto(`${origin}/`);
    return {
      page,
      assertClean: (expected) =>
        assert.deepEqual(
          faults.filter((fault) => expected?.test(fault) !== true),
          [],
        ),
    };
  }
}
