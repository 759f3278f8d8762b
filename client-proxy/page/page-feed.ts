import type { ServerResponse } from 'node:http';
import type { WallClock } from '../../shared/runtime/clock.ts';
import type { TrafficTable } from '../../shared/runtime/session/uplink-traffic.ts';
import type { ClientStatus } from '../status/client-status.ts';
import { pageView } from './page-view.ts';
import type { StateChange, StateChanges } from './state-changes.ts';
import { UplinkHistory } from './uplink-history.ts';

/** What the feed is read from. */
export interface PageFeedOptions {
  readonly wallClock: WallClock;
  /** What went over the concentrator, and past it. */
  readonly traffic: Pick<TrafficTable, 'entries'>;
  readonly directTraffic: Pick<TrafficTable, 'entries'>;
  readonly status: () => ClientStatus;
  readonly changes: Pick<StateChanges, 'all'>;
}

const STEP_MS = 1_000;
/** Pages that are open at a time; the endpoint has 32 connections in all. */
const MAX_PAGES = 8;
/** A page that has not taken so much is not there any more, or too slow: it connects again by itself. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** Keeps the last hour, and tells the pages that are open of each second (server-sent events). */
export class PageFeed {
  readonly #options: PageFeedOptions;
  readonly #history = new UplinkHistory();
  /** What each page was told of the changes last. */
  readonly #pages = new Map<ServerResponse, readonly StateChange[]>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PageFeedOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#pages.size >= MAX_PAGES;
  }

  start(): void {
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), STEP_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * Tells a page what was and what is, and then each second, until it closes the connection.
   * @param page has its headers, and no body yet
   * @param afterMs what the page has of the history already
   */
  open(page: ServerResponse, afterMs: number): void {
    page.once('close', () => this.#pages.delete(page));
    page.write(eventText('history', this.#history.report(afterMs)));
    this.#pages.set(page, []);
    this.#tell([page]);
  }

  #sample(): void {
    const { wallClock, traffic, directTraffic } = this.#options;
    this.#history.add(wallClock(), [...traffic.entries(), ...directTraffic.entries()]);
    if (this.#pages.size > 0) this.#tell([...this.#pages.keys()]);
  }

  #tell(pages: readonly ServerResponse[]): void {
    const { status, changes } = this.#options;
    const view = eventText('view', pageView(status(), this.#history));
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
