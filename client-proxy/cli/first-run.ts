import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import * as z from 'zod';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { TributaryError } from '../../shared/protocol/errors.ts';
import { MAX_LINK_BYTES } from '../../shared/runtime/command-line/read-link.ts';
import { parseLinks } from '../../shared/runtime/identity/link.ts';
import { linkIn } from '../../shared/runtime/identity/link-text.ts';
import { HttpEndpoint } from '../../shared/runtime/observe/http-endpoint.ts';
import { eventText, OpenPages } from '../../shared/runtime/page/open-pages.ts';
import { ActionError, pageAction } from '../../shared/runtime/page/page-actions.ts';
import { type PageEvents, WebPage } from '../../shared/runtime/page/web-page.ts';
import { DEFAULT_METRICS_LISTEN } from '../config/client-config.ts';
import { FIRST_RUN_FILES, type FirstRunView } from '../page/first-run-files.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';
import { DEFAULT_SOCKS } from './command-defaults.ts';
import { type Joined, targetFile, uplinksFound, writeJoined } from './join.ts';

/** Where the page of a configuration that says nothing else is, so that whoever looks at it can stay there. */
export const FIRST_RUN_LISTEN = DEFAULT_METRICS_LISTEN;

/** How often open pages are told which uplinks there are. */
const LOOK_MS = 2_000;
const TOKEN_BYTES = 32;
/** Until the answer to the link has left, before the port is closed. */
const LAST_WORDS_MS = 200;

export interface FirstRunOptions {
  /** As of `JoinOptions`. */
  readonly config: string | undefined;
  readonly listen: Destination;
}

/**
 * Serves a page that takes the link, until it has one that can be used and the configuration is written from it.
 * @returns the configuration's file
 * @throws EndpointError where the page cannot be served
 */
export async function firstRun({ config, listen }: FirstRunOptions, deps: ClientCliDeps): Promise<string> {
  const feed = new FirstRunFeed(targetFile(config, deps), deps);
  let onJoined: (joined: Joined) => void = () => {};
  const joined = new Promise<Joined>((resolve) => {
    onJoined = resolve;
  });
  const endpoint = new HttpEndpoint({
    listen,
    registry: new Registry(),
    ready: () => ({ ok: false, reasons: [NOT_CONFIGURED] }),
    status: () => ({ program: 'tributary-client', version: deps.version, ready: false }),
    statusText: () => `${NOT_CONFIGURED}\n`,
    pages: new WebPage({
      ...{ feed, files: FIRST_RUN_FILES, host: listen.host, password: undefined, clock: deps.clock },
      actions: {
        token: randomBytes(TOKEN_BYTES).toString('base64url'),
        actions: new Map([['join', joinAction(config, deps, onJoined)]]),
      },
    }),
  });
  const at = await endpoint.start();
  deps.stderr(
    `There is no configuration: open http://${formatDestination(at ?? listen)}/ on this machine, and paste the link that the ` +
      'concentrator\'s "init" or "client add" printed.\n',
  );
  feed.start();
  try {
    const { file } = await joined;
    deps.stderr(`Wrote ${file} (readable by its owner alone, since it holds the client's key).\n`);
    await sleep(LAST_WORDS_MS);
    return file;
  } finally {
    feed.stop();
    await endpoint.close();
  }
}

const NOT_CONFIGURED = 'there is no configuration yet: the page takes the link that the concentrator printed';

/** Writes the configuration from a link, once. */
function joinAction(config: string | undefined, deps: ClientCliDeps, onJoined: (joined: Joined) => void) {
  let isAtIt = false;
  return pageAction(z.strictObject({ link: z.string().max(MAX_LINK_BYTES) }), async ({ link }) => {
    if (isAtIt) throw new ActionError('another link has been taken already');
    isAtIt = true;
    try {
      const options = { socks: DEFAULT_SOCKS, ...(config === undefined ? {} : { config }) };
      const joined = await writeJoined(parseLinks(linkIn(link)), options, deps);
      onJoined(joined);
      const { file, found } = joined;
      return { file, found };
    } catch (error) {
      isAtIt = false;
      throw error instanceof TributaryError ? new ActionError(error.message) : error;
    }
  });
}

/** Tells open pages which uplinks there are now. */
class FirstRunFeed implements PageEvents {
  readonly #file: string;
  readonly #deps: ClientCliDeps;
  readonly #pages = new OpenPages<null>();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  constructor(file: string, deps: ClientCliDeps) {
    this.#file = file;
    this.#deps = deps;
  }

  get isFull(): boolean {
    return this.#pages.isFull;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#tell(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  open(page: ServerResponse): void {
    this.#pages.add(page, null);
    void this.#tell();
  }

  async #tell(): Promise<void> {
    if (this.#pages.isEmpty || this.#isLooking) return;
    this.#isLooking = true;
    try {
      const { found, problem } = await uplinksFound([], this.#deps).catch((error: Error) => ({
        found: [],
        problem: error.message,
      }));
      const view: FirstRunView = {
        ...{ found, problem: problem ?? null, file: this.#file, version: this.#deps.version },
      };
      for (const [page] of this.#pages.all) this.#pages.tell(page, eventText('first-run', view));
    } finally {
      this.#isLooking = false;
    }
  }
}
