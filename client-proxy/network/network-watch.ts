import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { NetworkView } from './network-view.ts';

/** Tells of changes of the network by itself, until it is stopped. */
export interface NetworkMonitor {
  /** Whether it would tell of a change now. */
  readonly isWatching: boolean;
  stop(): void;
}

export interface NetworkWatchOptions {
  /** Reads everything; rejects when it could not this time. */
  read(): Promise<NetworkView>;
  /** A quick look that differs when something has changed (`os.networkInterfaces`); may throw. */
  look(): unknown;
  /** Starts what tells of changes by itself, if anything here does. */
  monitor(onEvent: () => void): NetworkMonitor;
  /** The first view, and each that differs from the one before. */
  onView(view: NetworkView): void;
  /** There is no view yet, for another reason than before. */
  onUnknown(reason: string): void;
  readonly logger: Logger;
}

/** Fast enough to notice within a second where nothing else tells; a look costs well under a millisecond. */
const LOOK_EVERY_MS = 500;
/** Where the monitor tells: it may miss something, and each look wakes a machine that would sleep. */
const LOOK_BESIDE_MONITOR_EVERY_MS = 5_000;
/** Changes come in bursts: the first is looked into at once, what follows so much later. */
const READ_PAUSE_MS = 100;
/** And up to so much later where others change the network all the time, in ways that are nothing to us. */
const MAX_READ_PAUSE_MS = 800;
/** After a reading that failed. */
const RETRY_MS = 1_000;

/** Notices within a second that an interface, an address or a route has come or gone. */
export class NetworkWatch {
  readonly #options: NetworkWatchOptions;
  #last: NetworkView | undefined;
  #lastLook: unknown;
  /** Why the last reading that failed did. */
  #lastReason: string | undefined;
  #looks: NodeJS.Timeout | undefined;
  #pause: NodeJS.Timeout | undefined;
  #monitor: NetworkMonitor | undefined;
  #pauseMs = READ_PAUSE_MS;
  #isReading = false;
  #isDue = false;
  #isStopped = false;

  constructor(options: NetworkWatchOptions) {
    this.#options = options;
  }

  /** Resolves when the first view has been told, or could not be had. */
  async start(): Promise<void> {
    this.#lastLook = this.#look();
    await this.#read();
    if (this.#isStopped) return;
    this.#monitor = this.#options.monitor(() => this.#refresh());
    this.#lookLater();
  }

  stop(): void {
    this.#isStopped = true;
    this.#monitor?.stop();
    clearTimeout(this.#looks);
    clearTimeout(this.#pause);
  }

  /** What the view depends on has changed, and nobody else tells. */
  refresh(): void {
    if (!this.#isStopped) this.#refresh();
  }

  #lookLater(): void {
    const waitMs = this.#monitor?.isWatching ? LOOK_BESIDE_MONITOR_EVERY_MS : LOOK_EVERY_MS;
    this.#looks = setTimeout(() => {
      this.#lookLater();
      this.#compare();
    }, waitMs);
  }

  #compare(): void {
    const now = this.#look();
    if (now === undefined || isDeepStrictEqual(now, this.#lastLook)) return;
    this.#lastLook = now;
    this.#refresh();
  }

  /** Undefined where the kernel does not tell, as when the process has no descriptor left: the next look may. */
  #look(): unknown {
    try {
      return this.#options.look();
    } catch {
      return undefined;
    }
  }

  #refresh(): void {
    this.#isDue = true;
    if (this.#isReading || this.#pause !== undefined) return;
    void this.#read();
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    this.#isDue = false;
    const view = await this.#options.read().catch((error: Error) => this.#onFailed(error.message));
    this.#isReading = false;
    if (this.#isStopped) return;
    if (view === undefined) this.#isDue = true;
    const isNews = view !== undefined && !isDeepStrictEqual(view, this.#last);
    this.#rest(view === undefined ? RETRY_MS : this.#pauseMs);
    this.#pauseMs = isNews ? READ_PAUSE_MS : Math.min(2 * this.#pauseMs, MAX_READ_PAUSE_MS);
    if (!isNews) return;
    this.#last = view;
    this.#options.onView(view);
  }

  #onFailed(reason: string): undefined {
    const { logger, onUnknown } = this.#options;
    const isNews = this.#last === undefined && reason !== this.#lastReason;
    this.#lastReason = reason;
    logger[isNews ? 'warn' : 'debug']({ reason }, 'the network could not be read');
    if (isNews) onUnknown(reason);
  }

  /** Before the next reading, if one is due then. */
  #rest(waitMs: number): void {
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (this.#isDue) void this.#read();
      else this.#pauseMs = READ_PAUSE_MS;
    }, waitMs);
  }
}
