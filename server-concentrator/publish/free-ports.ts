import type { PortRange } from '../../shared/runtime/config/ranges.ts';

/** Ports that are tried for one socket: so many others in a row are hardly taken by other programs. */
const MAX_TRIES = 32;

/** Chooses ports out of ranges in turn, so that one that was in use a moment ago comes last. */
export class FreePorts {
  readonly #used = new Set<number>();
  #last = 0;

  /** Some that this has not given away, to be tried one after the other; none when all are. */
  *candidates(ranges: readonly PortRange[]): Generator<number, void, void> {
    let tries = 0;
    for (const port of inTurn(ranges, this.#last)) {
      if (this.#used.has(port)) continue;
      if (++tries > MAX_TRIES) return;
      yield port;
    }
  }

  /** One of the candidates is in use from now on. @returns how to give it back, once */
  take(port: number): () => void {
    this.#used.add(port);
    this.#last = port;
    return () => this.#used.delete(port);
  }
}

/** Every port of the ranges once: those above `last` first, then from the beginning. */
function* inTurn(ranges: readonly PortRange[], last: number): Generator<number, void, void> {
  for (const { from, to } of ranges) {
    for (let port = Math.max(from, last + 1); port <= to; port++) yield port;
  }
  for (const { from, to } of ranges) {
    for (let port = from; port <= Math.min(to, last); port++) yield port;
  }
}
