import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLoopback } from '../address/special-ranges.ts';
import { sourceOf } from '../admission/source.ts';

/** Pages that are open at a time from another machine: half of all, so that no machine takes those of others. */
const MAX_PER_SOURCE = 4;

/**
 * The places of pages by where they are opened from. Over plain HTTP a page of any site can have a browser ask for `/events` again and
 * again, with its password. Where only this machine gets, browsers say who asks; a TLS proxy there is many machines.
 */
export class PagePlaces {
  readonly #taken = new Map<string, number>();

  /** Takes a place until the response is closed. @returns false where the source has all that it may have */
  take(
    { socket: { remoteAddress = '' } }: { readonly socket: Pick<IncomingMessage['socket'], 'remoteAddress'> },
    response: Pick<ServerResponse, 'once' | 'destroyed'>,
  ): boolean {
    const source = sourceOf(remoteAddress).host;
    // The one is `::1`, which as a source is a whole prefix; the other knows ::ffff:127.0.0.1.
    if (isLoopback(remoteAddress) || isLoopback(source)) return true;
    const taken = this.#taken.get(source) ?? 0;
    if (taken >= MAX_PER_SOURCE || response.destroyed) return false;
    this.#taken.set(source, taken + 1);
    response.once('close', () => this.#release(source));
    return true;
  }

  #release(source: string): void {
    const left = (this.#taken.get(source) ?? 1) - 1;
    if (left > 0) this.#taken.set(source, left);
    else this.#taken.delete(source);
  }
}
