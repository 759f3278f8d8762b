import { randomBytes } from 'node:crypto';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { PageAction } from '../../shared/runtime/page/page-actions.ts';
import { type PageData, WebPage } from '../../shared/runtime/page/web-page.ts';
import { closeConnection, connectionsData, type PageConnections } from './connections.ts';
import { PageFeed, type PageFeedOptions } from './page-feed.ts';
import { PAGE_FILES } from './page-files.ts';
import { type PageSettings, settingsActions, settingsData } from './settings.ts';

/** Of the token: nobody guesses it. */
const TOKEN_BYTES = 32;

/** The page, and what keeps its history. */
interface Page {
  readonly pages: WebPage;
  readonly feed: PageFeed;
}

/** @param metrics where the endpoint listens, and the page's password */
export function makePage(
  metrics: { readonly listen: Destination; readonly password?: string | undefined },
  source: PageFeedOptions & PageConnections & PageSettings & { readonly clock: MonotonicClock },
): Page {
  const feed = new PageFeed(source);
  const { connections, settings, keeper } = source;
  const data = new Map<string, PageData>([
    ['connections', connectionsData(connections)],
    ['history', (query) => keeper.report(Number(query.get('after')) || 0)],
    ['settings', settingsData(settings)],
  ]);
  const actions = new Map<string, PageAction>([
    ['close-connection', closeConnection(connections)],
    ...settingsActions(settings),
  ]);
  const pages = new WebPage({
    ...{ feed, data, files: PAGE_FILES, clock: source.clock },
    host: metrics.listen.host,
    password: metrics.password,
    actions: { actions, token: randomBytes(TOKEN_BYTES).toString('base64url') },
  });
  return { pages, feed };
}
