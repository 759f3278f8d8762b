import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** Starts a program somewhere, such as in a namespace. */
export type Spawn = (command: string, args: readonly string[], options: SpawnOptions) => ChildProcess;

export interface Screen {
  readonly width: number;
  readonly height: number;
  /** Pixels of the device for one of CSS; 1 unless told. */
  readonly scale?: number;
  readonly isMobile?: boolean;
  readonly scheme?: 'light' | 'dark';
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

const ANSWER_LIMIT_MS = 30_000;
const LOOK_EVERY_MS = 100;
/** Three programs and a browser share the machine with other tests: what a page shows may wait for all of them. */
const UNTIL_LIMIT_MS = 30_000;

/** A headless Chromium with one tab, driven by the Chrome DevTools Protocol over pipes. */
export class Browser {
  /** What the page has complained about: errors, and what its policy refused. */
  readonly complaints: string[] = [];
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #nextId = 1;
  #session: string | undefined;

  private constructor(child: ChildProcess, profile: string) {
    this.#child = child;
    this.#profile = profile;
    let rest = '';
    (child.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop()!;
      for (const message of messages) this.#hear(JSON.parse(message) as Answer);
    });
  }

  static async start(spawn: Spawn): Promise<Browser> {
    const profile = await mkdtemp(join(tmpdir(), 'tributary-browser-'));
    const args = [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--hide-scrollbars'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ...['--no-proxy-server', '--lang=en-GB', `--user-data-dir=${profile}`, '--remote-debugging-pipe'],
      'about:blank',
    ];
    const child = spawn('chromium', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    const browser = new Browser(child, profile);
    const { targetId } = await browser.#call('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await browser.#call('Target.attachToTarget', { targetId, flatten: true });
    browser.#session = sessionId as string;
    for (const domain of ['Page', 'Runtime', 'Log']) await browser.#call(`${domain}.enable`);
    return browser;
  }

  /** Resolves when the page is loaded. */
  async open(url: string): Promise<void> {
    await this.#call('Page.navigate', { url });
    await this.until(`document.readyState === 'complete' && location.href !== 'about:blank'`);
  }

  async setScreen({ width, height, scale = 1, isMobile = false, scheme = 'light' }: Screen): Promise<void> {
    const metrics = { width, height, deviceScaleFactor: scale, mobile: isMobile };
    await this.#call('Emulation.setDeviceMetricsOverride', metrics);
    const features = [{ name: 'prefers-color-scheme', value: scheme }];
    await this.#call('Emulation.setEmulatedMedia', { features });
  }

  /** The value of an expression in the page, which may be a promise. */
  async evaluate<T>(expression: string): Promise<T> {
    const options = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.#call('Runtime.evaluate', options);
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { readonly value: T }).value;
  }

  /** Resolves when an expression in the page is true; to how long that took. */
  async until(expression: string, limitMs = UNTIL_LIMIT_MS): Promise<number> {
    const startMs = performance.now();
    for (;;) {
      if (await this.evaluate<boolean>(`!!(${expression})`).catch(() => false)) break;
      if (performance.now() - startMs > limitMs) throw new Error(`in ${limitMs} ms not: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    return performance.now() - startMs;
  }

  /** Of the whole page. */
  async picture(type: 'png' | 'webp', quality = 90): Promise<Buffer> {
    const { cssContentSize } = await this.#call('Page.getLayoutMetrics');
    const { width, height } = cssContentSize as { readonly width: number; readonly height: number };
    const { data } = await this.#call('Page.captureScreenshot', {
      format: type,
      ...(type === 'webp' ? { quality } : {}),
      captureBeyondViewport: true,
      clip: { x: 0, y: 0, width, height, scale: 1 },
    });
    return Buffer.from(data as string, 'base64');
  }

  async close(): Promise<void> {
    const isOver = this.#child.exitCode !== null || this.#child.signalCode !== null;
    const exited = isOver ? undefined : once(this.#child, 'exit');
    await this.#call('Browser.close').catch(() => this.#child.kill('SIGKILL'));
    await exited;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #call(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = this.#nextId++;
    const isOfBrowser = /^(Target|Browser)\./.test(method);
    const session = isOfBrowser || this.#session === undefined ? {} : { sessionId: this.#session };
    return new Promise((resolve, reject) => {
      const end = (error: Error | undefined, result: Record<string, unknown> = {}) => {
        clearTimeout(timer);
        this.#child.off('exit', onExit);
        this.#waiting.delete(id);
        if (error) reject(error);
        else resolve(result);
      };
      const onExit = () => end(new Error('chromium has ended'));
      const timer = setTimeout(() => end(new Error(`chromium did not answer to ${method}`)), ANSWER_LIMIT_MS);
      this.#child.once('exit', onExit);
      this.#waiting.set(id, ({ result, error }) => end(error && new Error(error.message), result));
      (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    });
  }

  #hear(answer: Answer): void {
    if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    else if (answer.method === 'Runtime.exceptionThrown' || answer.method === 'Log.entryAdded')
      this.complaints.push(JSON.stringify(answer.params));
  }
}
