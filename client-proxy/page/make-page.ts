import type { Destination } from '../../shared/protocol/destination.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { WebPage } from '../../shared/runtime/page/web-page.ts';
import { PageFeed, type PageFeedOptions } from './page-feed.ts';
import { PAGE_FILES } from './page-files.ts';

/** The page, and what keeps its history. */
interface Page {
  readonly pages: WebPage;
  readonly feed: PageFeed;
}

/** @param metrics where the endpoint listens, and the page's password */
export function makePage(
  metrics: { readonly listen: Destination; readonly password?: string | undefined },
  source: PageFeedOptions & { readonly clock: MonotonicClock },
): Page {
  const feed = new PageFeed(source);
  const { host } = metrics.listen;
  const pages = new WebPage({
    ...{ host, feed, files: PAGE_FILES, password: metrics.password, clock: source.clock },
    answers: new Map([
      ['/history', (query: URLSearchParams) => source.keeper.report(Number(query.get('after')) || 0)],
    ]),
  });
  return { pages, feed };
}
