import type { Destination } from '../../shared/protocol/destination.ts';
import { WebPage } from '../../shared/runtime/page/web-page.ts';
import { PageFeed, type PageFeedOptions } from './page-feed.ts';
import { PAGE_FILES } from './page-files.ts';

/** @param metrics where the endpoint listens, and the page's password. Undefined: there is no endpoint, and no page. */
export function makePage(
  metrics: { readonly listen: Destination; readonly password?: string | undefined } | undefined,
  source: PageFeedOptions,
): WebPage | undefined {
  if (metrics === undefined) return undefined;
  const feed = new PageFeed(source);
  const { host } = metrics.listen;
  return new WebPage({ host, feed, files: PAGE_FILES, password: metrics.password, clock: source.clock });
}
