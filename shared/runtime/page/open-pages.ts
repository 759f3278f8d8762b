import type { ServerResponse } from 'node:http';

/** Pages that are open at a time; the endpoint has 32 connections in all. */
const MAX_PAGES = 8;
/** A page that has not taken so much is not there any more, or too slow: it connects again by itself. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** The pages that are open, and what is known of each. They are told by server-sent events until they close the connection. */
export class OpenPages<Known> {
  readonly #pages = new Map<ServerResponse, Known>();

  get isFull(): boolean {
    return this.#pages.size >= MAX_PAGES;
  }

  get isEmpty(): boolean {
    return this.#pages.size === 0;
  }

  /** @param page has its headers, and no body yet */
  add(page: ServerResponse, known: Known): void {
    page.once('close', () => this.#pages.delete(page));
    this.#pages.set(page, known);
  }

  /** Some may go while they are told. */
  get all(): readonly (readonly [page: ServerResponse, known: Known])[] {
    return [...this.#pages];
  }

  /** Replaces what is known of a page. */
  set(page: ServerResponse, known: Known): void {
    if (this.#pages.has(page)) this.#pages.set(page, known);
  }

  /** @param events as `eventText` writes them */
  tell(page: ServerResponse, events: string): void {
    if (page.writableLength > MAX_WAITING_BYTES) page.destroy();
    else page.write(events);
  }
}

/** An event of a page. JSON has no line ends of its own. */
export function eventText(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
