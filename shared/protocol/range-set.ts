/**
 * A set of DSN ranges, half-open, kept sorted and disjoint. What a sender knows to be delivered or lost is such a set;
 * it is short (one hole per subflow or so), so a flat sorted array beats a tree.
 */
export class RangeSet {
  /** start0, end0, start1, end1, ... */
  readonly #edges: number[] = [];

  /** The lowest range. */
  first(): { start: number; end: number } | undefined {
    return this.#edges.length === 0 ? undefined : { start: this.#edges[0]!, end: this.#edges[1]! };
  }

  /** Adds [start, end). */
  add(start: number, end: number): void {
    if (start >= end) return;
    const edges = this.#edges;
    // Ranges that touch [start, end] melt into it.
    let from = this.#firstEndingAtOrAfter(start);
    let to = from;
    while (to < edges.length && edges[to]! <= end) to += 2;
    if (from < to) {
      start = Math.min(start, edges[from]!);
      end = Math.max(end, edges[to - 1]!);
    }
    if (to - from === 2) {
      edges[from++] = start;
      edges[from] = end;
      return;
    }
    edges.splice(from, to - from, start, end);
  }

  /** Takes [start, end) out. */
  remove(start: number, end: number): void {
    if (start >= end || this.#edges.length === 0) return;
    const edges = this.#edges;
    const from = this.#firstEndingAfter(start);
    let to = from;
    const rest: number[] = [];
    while (to < edges.length && edges[to]! < end) {
      if (edges[to]! < start) rest.push(edges[to]!, start);
      if (edges[to + 1]! > end) rest.push(end, edges[to + 1]!);
      to += 2;
    }
    if (to > from) edges.splice(from, to - from, ...rest);
  }

  /** The parts of [start, end) that are not in the set. */
  gaps(start: number, end: number): { start: number; end: number }[] {
    const found = [];
    let cursor = start;
    for (let i = this.#firstEndingAfter(start); i < this.#edges.length && cursor < end; i += 2) {
      const [rangeStart, rangeEnd] = [this.#edges[i]!, this.#edges[i + 1]!];
      if (rangeStart >= end) break;
      if (rangeStart > cursor) found.push({ start: cursor, end: rangeStart });
      cursor = Math.max(cursor, rangeEnd);
    }
    if (cursor < end) found.push({ start: cursor, end });
    return found;
  }

  /** The first part of [start, end) that is not in the set. */
  firstGap(start: number, end: number): { start: number; end: number } | undefined {
    const edges = this.#edges;
    let at = this.#firstEndingAfter(start);
    let from = start;
    if (at < edges.length && edges[at]! <= start) {
      from = edges[at + 1]!;
      at += 2;
    }
    if (from >= end) return undefined;
    return { start: from, end: at < edges.length ? Math.min(end, edges[at]!) : end };
  }

  /**
   * Takes out the ranges that continue [.., position) without a gap.
   * @returns where the last of them ends; `position` where there is none
   */
  absorb(position: number): number {
    const edges = this.#edges;
    let taken = 0;
    while (taken < edges.length && edges[taken]! <= position) {
      position = Math.max(position, edges[taken + 1]!);
      taken += 2;
    }
    if (taken > 0) edges.splice(0, taken);
    return position;
  }

  clear(): void {
    this.#edges.length = 0;
  }

  /** Index of the first range with end >= position. */
  #firstEndingAtOrAfter(position: number): number {
    return this.#search((end) => end >= position);
  }

  #firstEndingAfter(position: number): number {
    return this.#search((end) => end > position);
  }

  #search(isAtOrBeyond: (end: number) => boolean): number {
    let low = 0;
    let high = this.#edges.length / 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isAtOrBeyond(this.#edges[middle * 2 + 1]!)) high = middle;
      else low = middle + 1;
    }
    return low * 2;
  }
}
