import type { Destination } from '../../shared/protocol/destination.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { ClientPage } from './client-page.ts';
import { PageFeed, type PageFeedOptions } from './page-feed.ts';
import { PAGE_FILES } from './page-files.ts';

/** The page, and what keeps its history. */
interface Page {
  readonly pages: ClientPage;
  readonly feed: PageFeed;
}

/** @param metrics where the endpoint listens, and the page's password */
export function makePage(
  metrics: { readonly listen: Destination; readonly password?: string | undefined },
  source: PageFeedOptions & { readonly clock: MonotonicClock },
): Page {
  const feed = new PageFeed(source);
  const { host } = metrics.listen;
  const pages = new ClientPage({
    ...{ host, feed, files: PAGE_FILES, password: metrics.password, clock: source.clock },
    history: (afterMs) => source.keeper.report(afterMs),
  });
  return { pages, feed };
}
