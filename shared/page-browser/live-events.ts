/** Events are a second apart. */
const SILENT_MS = 4_000;
/** A connection that says nothing for so long leads nowhere any more, though the browser does not know it: a NAT forgot it, or the network is another. */
const DEAD_MS = 15_000;
/** The past comes first, and may take its time behind a slow line. */
const FIRST_MS = 60_000;
/** After a connection that ended, and after one that was refused. */
const RETRY_MS = 1_000;
const RETRY_REFUSED_MS = 4_000;

interface LiveOptions {
  /** Where they are, asked for each time that they are opened. */
  readonly url: () => string;
  /** What hears each event, by its name. */
  readonly hear: Readonly<Record<string, (data: never) => void>>;
  /** The event that comes each second. */
  readonly pulse: string;
  /** The program does not answer any more. */
  readonly onSilent: () => void;
}

/** The events of a program, for as long as the page can be seen: who is hidden costs nothing. */
export class LiveEvents {
  readonly #options: LiveOptions;
  #source: EventSource | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #reopening: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
    document.addEventListener('visibilitychange', () => this.reopen());
    this.reopen();
  }

  /** Asks anew, by the address that holds now. */
  reopen(): void {
    this.#close();
    if (document.visibilityState === 'visible') this.#open();
  }

  #close(): void {
    clearTimeout(this.#silence);
    clearTimeout(this.#reopening);
    this.#source?.close();
    this.#source = undefined;
  }

  #open(): void {
    const { url, hear, pulse, onSilent } = this.#options;
    const source = new EventSource(url());
    this.#source = source;
    this.#reopenAfter(FIRST_MS);
    for (const [name, take] of Object.entries(hear)) {
      source.addEventListener(name, ({ data }: MessageEvent<string>) => {
        take(JSON.parse(data) as never);
        if (name !== pulse) return;
        clearTimeout(this.#silence);
        this.#silence = setTimeout(onSilent, SILENT_MS);
        this.#reopenAfter(DEAD_MS);
      });
    }
    source.addEventListener('error', () => {
      // By itself it would ask by the address of before, for what is known by now too.
      const wasRefused = source.readyState === EventSource.CLOSED;
      this.#close();
      this.#reopenAfter(wasRefused ? RETRY_REFUSED_MS : RETRY_MS);
      onSilent();
    });
  }

  #reopenAfter(ms: number): void {
    clearTimeout(this.#reopening);
    this.#reopening = setTimeout(() => this.reopen(), ms);
  }
}

/** In place of what the page says while it waits for the first answer. */
export function sayNoView(root: Element, program: string): void {
  const notice = root.querySelector(':scope > .notice');
  if (notice === null) return;
  notice.textContent =
    `${program} does not answer, or has as many pages open as it serves at a time: close one of them. ` +
    'This page asks again by itself.';
}
