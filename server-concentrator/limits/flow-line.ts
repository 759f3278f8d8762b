/** One that moves bytes under a pacer: a connection, in one direction. Made by `pacedFlow`. */
export interface PacedFlow {
  /** What it has moved of late: what it moved longer ago counts less and less. */
  recentBytes: number;
  /** When that was so; undefined before its first turn. */
  recentMs: number | undefined;
  /** It is its turn: it may move so many bytes. */
  goOn(maxBytes: number): void;
}

/** A shell, a call: below this, what was quiet for a while goes first. */
const QUIET_BYTES = 4 * 1024;
/** A small object of a page: below this, it does not wait for downloads. */
const SMALL_BYTES = 64 * 1024;

/** A flow that has moved nothing yet; it has not been quiet either. */
export function pacedFlow(goOn: (maxBytes: number) => void): PacedFlow {
  return { recentBytes: QUIET_BYTES, recentMs: undefined, goOn };
}

/** Flows of one kind, the one that waits longest first. */
interface Kind {
  /** Of flows that have moved less. */
  readonly belowBytes: number;
  readonly flows: Set<PacedFlow>;
  /** What it has moved, as the kinds are compared. */
  servedBytes: number;
}

/**
 * The flows that wait for their turn. They are quiet, small or large ones, by what they have moved of late. The kinds take turns
 * by bytes: one that asks for less than its part waits for none of the others, and none can keep another one waiting for ever, such as
 * small ones that never end a long download. Within a kind each flow goes in its order.
 */
export class FlowLine {
  readonly #kinds: readonly Kind[] = [QUIET_BYTES, SMALL_BYTES, Number.POSITIVE_INFINITY].map(
    (belowBytes) => ({
      ...{ belowBytes, flows: new Set<PacedFlow>(), servedBytes: 0 },
    }),
  );
  /** What the kind had moved whose turn was last: one that comes back has saved nothing up. */
  #servedBytes = 0;

  get isEmpty(): boolean {
    return this.#kinds.every(({ flows }) => flows.size === 0);
  }

  /** At the end of its kind, unless it waits already. */
  add(flow: PacedFlow): void {
    if (this.#kinds.some(({ flows }) => flows.has(flow))) return;
    const kind = this.#kinds.find(({ belowBytes }) => flow.recentBytes < belowBytes)!;
    if (kind.flows.size === 0) kind.servedBytes = Math.max(kind.servedBytes, this.#servedBytes);
    kind.flows.add(flow);
  }

  remove(flow: PacedFlow): void {
    for (const { flows } of this.#kinds) flows.delete(flow);
  }

  /** Takes out whose turn it is, and lets `work` say what it has moved, or is about to. At least one waits. */
  serve(work: (flow: PacedFlow) => number): void {
    const waiting = this.#kinds.filter(({ flows }) => flows.size > 0);
    const kind = waiting.reduce((first, one) => (one.servedBytes < first.servedBytes ? one : first));
    const [flow] = kind.flows as Iterable<PacedFlow> as [PacedFlow];
    kind.flows.delete(flow);
    this.#servedBytes = kind.servedBytes;
    kind.servedBytes += work(flow);
  }

  /** Takes out all. */
  takeAll(): readonly PacedFlow[] {
    const all = this.#kinds.flatMap(({ flows }) => [...flows]);
    for (const { flows } of this.#kinds) flows.clear();
    return all;
  }
}
