import type { ServerResponse } from 'node:http';
import { eventText, OpenPages } from '../../shared/runtime/page/open-pages.ts';
import type { PageEvents } from '../../shared/runtime/page/web-page.ts';
import type { ConfigChanges } from '../config/config-changes.ts';
import type { ClientStatus } from '../status/client-status.ts';
import type { ConcentratorChange, ConcentratorChanges } from './history/concentrator-changes.ts';
import type { HistoryKeeper } from './history/history-keeper.ts';
import type { StateChange, StateChanges } from './history/state-changes.ts';
import { pageView } from './page-view.ts';

/** What the feed is read from. */
export interface PageFeedOptions {
  readonly keeper: Pick<HistoryKeeper, 'history' | 'sample' | 'report' | 'close'>;
  readonly status: () => ClientStatus;
  /** Short, another text whenever something is different that a page shows and that no change of a state tells of. */
  readonly conditions: () => string;
  readonly changes: Pick<StateChanges, 'all' | 'notify'>;
  readonly concentratorChanges: Pick<ConcentratorChanges, 'all' | 'notify'>;
  readonly settings: { readonly changes: Pick<ConfigChanges, 'held'> };
}

const STEP_MS = 1_000;
/** While pages are open, how often it is looked whether to tell them something before the second is over. */
const LOOK_MS = 200;

/** Has the history go on, and tells the pages that are open of each second. */
export class PageFeed implements PageEvents {
  readonly #options: PageFeedOptions;
  /** What each page was told of the changes last. */
  readonly #pages = new OpenPages<ToldChanges>();
  #timer: NodeJS.Timeout | undefined;
  #lookTimer: NodeJS.Timeout | undefined;
  #conditions = '';
  #saved = Promise.resolve();
  #isTelling = false;

  constructor(options: PageFeedOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#pages.isFull;
  }

  start(): void {
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), STEP_MS).unref();
    this.#options.changes.notify(() => this.#tellSoon());
    this.#options.concentratorChanges.notify(() => this.#tellSoon());
  }

  /** States that change from now on are those of a program that ends: begins to write down what was before. */
  stop(): void {
    clearInterval(this.#timer);
    clearInterval(this.#lookTimer);
    this.#saved = this.#options.keeper.close();
  }

  /** Resolves when that is written; a slow disk keeps nothing else waiting. */
  get saved(): Promise<void> {
    return this.#saved;
  }

  /** Tells a page what was and what is, and then each second. `after`: what it has of the history already. */
  open(page: ServerResponse, query: URLSearchParams): void {
    const afterMs = Number(query.get('after'));
    const { seconds } = this.#options.keeper.history;
    const history = eventText('history', seconds.report(Number.isFinite(afterMs) ? afterMs : 0));
    const changes = this.#changes;
    this.#lookTimer ??= setInterval(() => this.#look(), LOOK_MS).unref();
    this.#pages.add(page, changes, history + changesText(undefined, changes) + this.#viewText());
  }

  #sample(): void {
    this.#options.keeper.sample();
    if (!this.#pages.isEmpty) this.#tell();
  }

  /** What cannot wait for the next second. */
  #look(): void {
    if (this.#pages.isEmpty) {
      clearInterval(this.#lookTimer);
      this.#lookTimer = undefined;
      return;
    }
    const conditions = this.#options.conditions();
    if (conditions !== this.#conditions) this.#tellSoon();
    this.#conditions = conditions;
  }

  /** Once for all that changes now. */
  #tellSoon(): void {
    if (this.#isTelling || this.#pages.isEmpty) return;
    this.#isTelling = true;
    setImmediate(() => {
      this.#isTelling = false;
      this.#tell();
    });
  }

  #tell(): void {
    const changes = this.#changes;
    const view = this.#viewText();
    for (const [page, known] of this.#pages.all)
      this.#pages.tell(page, changesText(known, changes) + view, changes);
  }

  get #changes(): ToldChanges {
    const { changes, concentratorChanges } = this.#options;
    return { uplinks: changes.all, concentrators: concentratorChanges.all };
  }

  #viewText(): string {
    const { status, keeper, settings } = this.#options;
    return eventText('view', pageView(status(), keeper.history, settings.changes.held));
  }
}

/** Lists that are others after each change. */
interface ToldChanges {
  readonly uplinks: readonly StateChange[];
  readonly concentrators: readonly ConcentratorChange[];
}

/** Of each list nothing where a page was told of it already, or it is empty. */
function changesText(known: ToldChanges | undefined, { uplinks, concentrators }: ToldChanges): string {
  const text = (name: string, before: readonly object[] | undefined, all: readonly object[]) =>
    before === all || all.length === 0 ? '' : eventText(name, all);
  return (
    text('changes', known?.uplinks, uplinks) +
    text('concentrator-changes', known?.concentrators, concentrators)
  );
}
