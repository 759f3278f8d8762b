import type { ServerResponse } from 'node:http';
import type { ClientStatus } from '../status/client-status.ts';
import type { HistoryKeeper } from './history/history-keeper.ts';
import { pageView } from './page-view.ts';
import type { StateChange, StateChanges } from './state-changes.ts';

/** What the feed is read from. */
export interface PageFeedOptions {
  readonly keeper: Pick<HistoryKeeper, 'history' | 'sample' | 'report' | 'close'>;
  readonly status: () => ClientStatus;
  /** Short, another text whenever something is different that a page shows and that no change of a state tells of. */
  readonly conditions: () => string;
  readonly changes: Pick<StateChanges, 'all' | 'notify'>;
}

const STEP_MS = 1_000;
/** While pages are open, how often it is looked whether to tell them something before the second is over. */
const LOOK_MS = 200;
/** Pages that are open at a time; the endpoint has 32 connections in all. */
const MAX_PAGES = 8;
/** A page that has not taken so much is not there any more, or too slow: it connects again by itself. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** Has the history go on, and tells the pages that are open of each second (server-sent events). */
export class PageFeed {
  readonly #options: PageFeedOptions;
  /** What each page was told of the changes last. */
  readonly #pages = new Map<ServerResponse, readonly StateChange[]>();
  #timer: NodeJS.Timeout | undefined;
  #lookTimer: NodeJS.Timeout | undefined;
  #conditions = '';
  #isTelling = false;

  constructor(options: PageFeedOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#pages.size >= MAX_PAGES;
  }

  start(): void {
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), STEP_MS).unref();
    this.#lookTimer = setInterval(() => this.#look(), LOOK_MS).unref();
    this.#options.changes.notify(() => this.#tellSoon());
  }

  /** Keeps the history. States that change from now on are those of a program that ends. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    clearInterval(this.#lookTimer);
    await this.#options.keeper.close();
  }

  /**
   * Tells a page what was and what is, and then each second, until it closes the connection.
   * @param page has its headers, and no body yet
   * @param afterMs what the page has of the history already
   */
  open(page: ServerResponse, afterMs: number): void {
    page.once('close', () => this.#pages.delete(page));
    page.write(eventText('history', this.#options.keeper.history.seconds.report(afterMs)));
    this.#pages.set(page, []);
    this.#tell([page]);
  }

  #sample(): void {
    this.#options.keeper.sample();
    if (this.#pages.size > 0) this.#tell([...this.#pages.keys()]);
  }

  /** What cannot wait for the next second. */
  #look(): void {
    if (this.#pages.size === 0) return;
    const conditions = this.#options.conditions();
    if (conditions !== this.#conditions) this.#tellSoon();
    this.#conditions = conditions;
  }

  /** Once for all that changes now. */
  #tellSoon(): void {
    if (this.#isTelling || this.#pages.size === 0) return;
    this.#isTelling = true;
    setImmediate(() => {
      this.#isTelling = false;
      this.#tell([...this.#pages.keys()]);
    });
  }

  #tell(pages: readonly ServerResponse[]): void {
    const { status, changes, keeper } = this.#options;
    const view = eventText('view', pageView(status(), keeper.history));
    for (const page of pages) {
      if (page.writableLength > MAX_WAITING_BYTES) {
        page.destroy();
        continue;
      }
      const isNew = this.#pages.get(page) !== changes.all && changes.all.length > 0;
      this.#pages.set(page, changes.all);
      page.write(isNew ? eventText('changes', changes.all) + view : view);
    }
  }
}

/** JSON has no line ends of its own. */
function eventText(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
