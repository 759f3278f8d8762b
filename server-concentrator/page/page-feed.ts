import type { ServerResponse } from 'node:http';
import { eventText, OpenPages } from '../../shared/runtime/page/open-pages.ts';
import type { PageEvents } from '../../shared/runtime/page/web-page.ts';
import { ClientHistory } from './client-history.ts';
import { ClientLook, type LookedAtSession } from './client-look.ts';
import { makeView, type ViewSource } from './make-view.ts';
import { type PageQuery, parsePageQuery } from './page-query.ts';

export interface PageFeedOptions extends ViewSource {
  readonly sessions: () => readonly LookedAtSession[];
}

const STEP_MS = 1_000;

/** Tells the pages that are open of each second. While none is, nothing is looked at. */
export class PageFeed implements PageEvents {
  readonly #options: PageFeedOptions;
  readonly #look = new ClientLook();
  readonly #history = new ClientHistory();
  readonly #pages = new OpenPages<PageQuery>();
  #timer: NodeJS.Timeout | undefined;
  #lookedMs = 0;

  constructor(options: PageFeedOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#pages.isFull;
  }

  /** Tells a page what was and what is, and then each second, as it asks for it (see `parsePageQuery`). */
  open(page: ServerResponse, parameters: URLSearchParams): void {
    const query = parsePageQuery(parameters);
    if (this.#timer === undefined) this.#begin();
    const history = eventText('history', this.#history.report(query.afterMs));
    this.#pages.add(page, query, history + this.#viewText(query));
  }

  #begin(): void {
    this.#take();
    this.#timer = setInterval(() => {
      if (this.#pages.isEmpty) {
        clearInterval(this.#timer);
        this.#timer = undefined;
        return;
      }
      this.#take();
      this.#history.add({ timeMs: this.#lookedMs, sum: this.#look.sum, top: this.#look.top });
      for (const [page, query] of this.#pages.all) this.#pages.tell(page, this.#viewText(query));
    }, STEP_MS).unref();
  }

  #take(): void {
    this.#lookedMs = this.#options.wallClock();
    this.#look.look(this.#options.clock(), this.#options.sessions());
  }

  #viewText(query: PageQuery): string {
    return eventText('view', makeView(this.#look, query, this.#lookedMs, this.#options));
  }
}
