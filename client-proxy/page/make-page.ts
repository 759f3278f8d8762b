import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { PageAction } from '../../shared/runtime/page/page-actions.ts';
import { type PageData, WebPage } from '../../shared/runtime/page/web-page.ts';
import type { SpeedTests } from '../speedtest/speed-tests.ts';
import { closeConnection, connectionsData, type PageConnections } from './connections.ts';
import { PageFeed, type PageFeedOptions } from './page-feed.ts';
import { PAGE_FILES } from './page-files.ts';
import { type PageSettings, settingsActions, settingsData } from './settings.ts';
import { speedActions, speedData } from './speed-actions.ts';

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
  source: PageFeedOptions &
    PageConnections &
    PageSettings & {
      readonly clock: MonotonicClock;
      readonly speedTests: SpeedTests;
      readonly logger: Pick<Logger, 'error'>;
    },
): Page {
  const feed = new PageFeed(source);
  const { connections, settings, keeper, speedTests } = source;
  const data = new Map<string, PageData>([
    ['connections', connectionsData(connections)],
    ['history', (query) => keeper.report(Number(query.get('after')) || 0)],
    ['settings', settingsData(settings)],
    ...speedData(speedTests),
  ]);
  const actions = new Map<string, PageAction>([
    ['close-connection', closeConnection(connections)],
    ...settingsActions(settings),
    ...speedActions(speedTests),
  ]);
  const pages = new WebPage({
    ...{ feed, data, files: PAGE_FILES, clock: source.clock },
    host: metrics.listen.host,
    password: metrics.password,
    actions: {
      actions,
      token: randomBytes(TOKEN_BYTES).toString('base64url'),
      onDefect: (err, action) => source.logger.error({ err, action }, 'an action of the page failed'),
    },
  });
  return { pages, feed };
}
