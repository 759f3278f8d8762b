import type { ServerResponse } from 'node:http';
import type { WallClock } from '../../shared/runtime/clock.ts';
import { eventText, OpenPages } from '../../shared/runtime/page/open-pages.ts';
import type { PageEvents } from '../../shared/runtime/page/web-page.ts';
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

/** Keeps the last hour, and tells the pages that are open of each second. */
export class PageFeed implements PageEvents {
  readonly #options: PageFeedOptions;
  readonly #history = new UplinkHistory();
  /** What each page was told of the changes last. */
  readonly #pages = new OpenPages<readonly StateChange[]>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PageFeedOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#pages.isFull;
  }

  start(): void {
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), STEP_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Tells a page what was and what is, and then each second. `after`: what it has of the history already. */
  open(page: ServerResponse, query: URLSearchParams): void {
    const afterMs = Number(query.get('after'));
    page.write(eventText('history', this.#history.report(Number.isFinite(afterMs) ? afterMs : 0)));
    this.#pages.add(page, []);
    this.#tell([[page, []]]);
  }

  #sample(): void {
    const { wallClock, traffic, directTraffic } = this.#options;
    this.#history.add(wallClock(), [...traffic.entries(), ...directTraffic.entries()]);
    if (!this.#pages.isEmpty) this.#tell(this.#pages.all);
  }

  #tell(pages: OpenPages<readonly StateChange[]>['all']): void {
    const { status, changes } = this.#options;
    const view = eventText('view', pageView(status(), this.#history));
    for (const [page, known] of pages) {
      const isNew = known !== changes.all && changes.all.length > 0;
      this.#pages.set(page, changes.all);
      this.#pages.tell(page, isNew ? eventText('changes', changes.all) + view : view);
    }
  }
}
