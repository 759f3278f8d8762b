/** Events are a second apart. */
const SILENT_MS = 4_000;

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

  constructor(options: LiveOptions) {
    this.#options = options;
    document.addEventListener('visibilitychange', () => this.reopen());
    this.reopen();
  }

  /** Asks anew, by the address that holds now. */
  reopen(): void {
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = document.visibilityState === 'visible' ? this.#open() : undefined;
  }

  #open(): EventSource {
    const { url, hear, pulse, onSilent } = this.#options;
    const source = new EventSource(url());
    for (const [name, take] of Object.entries(hear)) {
      source.addEventListener(name, ({ data }: MessageEvent<string>) => {
        take(JSON.parse(data) as never);
        if (name !== pulse) return;
        clearTimeout(this.#silence);
        this.#silence = setTimeout(onSilent, SILENT_MS);
      });
    }
    source.addEventListener('error', () => {
      onSilent();
      // It tries again by itself unless it was refused.
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(this.#silence);
        this.#silence = setTimeout(() => this.reopen(), SILENT_MS);
      }
    });
    return source;
  }
}
