import type { ServerResponse } from 'node:http';

/** Pages that are open at a time; the endpoint has 32 connections in all. */
const MAX_PAGES = 8;
/** Behind a slow line a page is told less often: nothing more while so much of what it was told is still on its way. */
const MAX_WAITING_BYTES = 64 * 1024;
/** A page that was passed over so often in turn is not there any more. Pages are told five times a second at most, so it had half a minute. */
const MAX_PASSED_OVER = 150;

interface OpenPage<Known> {
  known: Known;
  passedOver: number;
}

/** The pages that are open, and what is known of each. They are told by server-sent events until they close the connection. */
export class OpenPages<Known> {
  readonly #pages = new Map<ServerResponse, OpenPage<Known>>();

  get isFull(): boolean {
    return this.#pages.size >= MAX_PAGES;
  }

  get isEmpty(): boolean {
    return this.#pages.size === 0;
  }

  /**
   * @param page has its headers, and no body yet
   * @param events what it is told first, however long that is
   */
  add(page: ServerResponse, known: Known, events = ''): void {
    // It would never say that it closes, and keep its place for ever.
    if (page.destroyed) return;
    page.once('close', () => this.#pages.delete(page));
    this.#pages.set(page, { known, passedOver: 0 });
    if (events !== '') page.write(events);
  }

  /** Some may go while they are told. */
  get all(): readonly (readonly [page: ServerResponse, known: Known])[] {
    return [...this.#pages].map(([page, { known }]) => [page, known] as const);
  }

  /**
   * Tells a page unless it is still busy with what it was told before.
   * @param events as `eventText` writes them
   * @param known what is known of the page once it is told; absent: as before
   */
  tell(page: ServerResponse, events: string, known?: Known): void {
    const open = this.#pages.get(page);
    if (open === undefined) return;
    if (page.writableLength > MAX_WAITING_BYTES) {
      open.passedOver += 1;
      if (open.passedOver >= MAX_PASSED_OVER) page.destroy();
      return;
    }
    open.passedOver = 0;
    if (known !== undefined) open.known = known;
    page.write(events);
  }
}

/** An event of a page. JSON has no line ends of its own. */
export function eventText(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
