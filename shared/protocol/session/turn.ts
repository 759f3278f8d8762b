import type { SharedPolicy } from '../steering/session-steering.ts';
import type { Stream } from '../stream/stream.ts';
import type { SkippedStreams } from '../stream/stream-queue.ts';
import type { SessionSubflow } from './sent-item.ts';
import { steadySubflows, steeredSubflows, trustedSubflows } from './trusted-subflows.ts';

/** Streams of one policy that wait for a better subflow, looked at in one turn; the rest get their look in the next. */
const MAX_SKIPPED_STREAMS = 64;
/** And of all policies together: a peer may give each stream a policy of its own. */
export const MAX_VAIN_LOOKS = 256;

/** Streams that were looked at in vain. */
interface Skipped {
  readonly streams: Set<Stream>;
  /** By policy, so that streams that wait for one uplink are not in the way of others. */
  readonly looks: Map<SharedPolicy, number>;
}

/** One turn of sending: what may carry what, and which streams were looked at in vain. */
export class Turn implements SkippedStreams {
  readonly subflows: readonly SessionSubflow[];
  #trusted: readonly SessionSubflow[] | undefined;
  /** Made when a stream needs them: most turns have no use for them. */
  #carriers: Map<SharedPolicy, readonly SessionSubflow[]> | undefined;
  #skipped: Skipped | undefined;

  constructor(subflows: readonly SessionSubflow[]) {
    this.subflows = subflows;
  }

  /** What carries streams without a choice of uplinks of their own. */
  get trusted(): readonly SessionSubflow[] {
    this.#trusted ??= steadySubflows(trustedSubflows(this.subflows));
    return this.#trusted;
  }

  /** No further stream is looked at: too many were, in vain. */
  get isOver(): boolean {
    return this.#skipped !== undefined && this.#skipped.streams.size >= MAX_VAIN_LOOKS;
  }

  /** What may carry the stream now; the same for all streams with its policy. */
  carriersOf({ steering }: Stream): readonly SessionSubflow[] {
    const { shared } = steering;
    if (!shared.isSteered) return this.trusted;
    this.#carriers ??= new Map();
    let carriers = this.#carriers.get(shared);
    if (carriers === undefined) {
      carriers = steeredSubflows(shared, this.subflows);
      this.#carriers.set(shared, carriers);
    }
    return carriers;
  }

  /** @param isChoice a subflow was free, and the stream waits for a better one; otherwise all with its policy wait like it */
  skip(stream: Stream, isChoice: boolean): void {
    const { shared } = stream.steering;
    this.#skipped ??= { streams: new Set(), looks: new Map() };
    const { streams, looks } = this.#skipped;
    streams.add(stream);
    looks.set(shared, isChoice ? (looks.get(shared) ?? 0) + 1 : MAX_SKIPPED_STREAMS);
  }

  /** Whether the stream's turn is over. */
  has(stream: Stream): boolean {
    if (this.#skipped === undefined) return false;
    const { streams, looks } = this.#skipped;
    return (looks.get(stream.steering.shared) ?? 0) >= MAX_SKIPPED_STREAMS || streams.has(stream);
  }
}
