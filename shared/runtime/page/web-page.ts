import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EndpointPages } from '../observe/http-endpoint.ts';
import { eventText } from './open-pages.ts';
import { isForeign, PageAccess, type PageAccessOptions } from './page-access.ts';
import { PageActions, type PageActionsOptions } from './page-actions.ts';
import { PAGE_HEADERS, refuse, sendFile, sendJson } from './page-answers.ts';
import type { PageFile } from './page-files.ts';
import { PagePlaces } from './page-places.ts';

/** What a page is told of while it is open (server-sent events). */
export interface PageEvents {
  /** No further page can be told. */
  readonly isFull: boolean;
  /**
   * Tells a page until it closes the connection.
   * @param page has its headers, and no body yet
   * @param query what it asks for
   */
  open(page: ServerResponse, query: URLSearchParams): void;
}

/** What a view of the page asks for while it is seen; the query is the view's own. */
export type PageData = (query: URLSearchParams) => object | Promise<object>;

export interface WebPageOptions extends PageAccessOptions {
  readonly files: ReadonlyMap<string, PageFile>;
  readonly feed: PageEvents;
  /** By name; each is at `/data/NAME`. */
  readonly data?: ReadonlyMap<string, PageData>;
  /** What can be posted; absent: the page only reads. */
  readonly actions?: PageActionsOptions | undefined;
}

const EVENTS = '/events';
const DATA_PREFIX = '/data/';

/**
 * The page at a program's endpoint: `/` and its files; `/events`, which tells it of each second; `/data/NAME`, what one of its views
 * asks for; and `/actions/NAME`, which it posts to.
 */
export class WebPage implements EndpointPages {
  readonly #options: WebPageOptions;
  readonly #access: PageAccess;
  readonly #actions: PageActions | undefined;
  readonly #places = new PagePlaces();

  constructor(options: WebPageOptions) {
    this.#options = options;
    this.#access = new PageAccess(options);
    this.#actions = options.actions && new PageActions(options.actions);
  }

  answer(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    const serve = this.#serverOf(request, response, path);
    if (serve === undefined) return false;
    this.#access.check(request, response, () => void serveOrRefuse(response, serve));
    return true;
  }

  act(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    const actions = this.#actions;
    if (!actions?.isAction(path)) return false;
    this.#access.check(request, response, () => void actions.answer(request, response, path));
    return true;
  }

  #serverOf(request: IncomingMessage, response: ServerResponse, path: string): Serve | undefined {
    const { files, data = NO_DATA } = this.#options;
    const file = files.get(path);
    if (file !== undefined) return () => sendFile(response, file);
    if (path === EVENTS) return ownOnly(request, response, () => this.#openEvents(request, response));
    const tell = path.startsWith(DATA_PREFIX) ? data.get(path.slice(DATA_PREFIX.length)) : undefined;
    if (tell !== undefined) return ownOnly(request, response, () => this.#tell(request, response, tell));
    if (!this.#actions?.isAction(path)) return undefined;
    return () => {
      response.setHeader('Allow', 'POST');
      refuse(response, 405, 'actions are posted\n');
    };
  }

  async #tell(request: IncomingMessage, response: ServerResponse, tell: PageData): Promise<void> {
    sendJson(response, 200, await tell(queryOf(request)));
  }

  #openEvents(request: IncomingMessage, response: ServerResponse): void {
    const { feed, actions } = this.#options;
    if (feed.isFull || !this.#places.take(request, response)) {
      refuse(response, 503, 'too many pages are open: close one of them\n');
      return;
    }
    response.writeHead(200, { ...PAGE_HEADERS, 'Content-Type': 'text/event-stream' });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    if (actions !== undefined) response.write(eventText('token', actions.token));
    feed.open(response, queryOf(request));
  }
}

const NO_DATA: ReadonlyMap<string, PageData> = new Map();

type Serve = () => void | Promise<void>;

/** A request that cannot be served costs its own answer, and nothing else: it may have waited, so nobody up the stack would catch this. */
async function serveOrRefuse(response: ServerResponse, serve: Serve): Promise<void> {
  try {
    await serve();
  } catch {
    refuse(response, 500, 'this could not be collected\n');
  }
}

/** Pages of other sites could not read the answer, but they could take all places, or the client's time. */
function ownOnly(request: IncomingMessage, response: ServerResponse, serve: Serve): Serve {
  if (!isForeign(request)) return serve;
  return () => refuse(response, 403, 'this is for the page of this endpoint alone\n');
}

/** Without a look at the rest of the target, which need not be a URL. */
function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  const start = url.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : url.slice(start));
}
