import type { SharedPolicy } from '../steering/session-steering.ts';
import type { Stream } from '../stream/stream.ts';
import type { SkippedStreams } from '../stream/stream-queue.ts';
import type { SessionSubflow } from './sent-item.ts';
import { steeredSubflows, trustedSubflows } from './trusted-subflows.ts';

/** Streams of one policy that wait for a better subflow, looked at in one turn; the rest get their look in the next. */
const MAX_SKIPPED_STREAMS = 64;

/** One turn of sending: what may carry what, and which streams were looked at in vain. */
export class Turn implements SkippedStreams {
  readonly subflows: readonly SessionSubflow[];
  /** What carries streams without a choice of uplinks of their own. */
  readonly trusted: readonly SessionSubflow[];
  readonly #carriers = new Map<SharedPolicy, readonly SessionSubflow[]>();
  readonly #skipped = new Set<Stream>();
  /** By policy, so that streams that wait for one uplink are not in the way of others. */
  readonly #looks = new Map<SharedPolicy, number>();

  constructor(subflows: readonly SessionSubflow[]) {
    this.subflows = subflows;
    this.trusted = trustedSubflows(subflows);
  }

  /** What may carry the stream now; the same for all streams with its policy. */
  carriersOf({ steering }: Stream): readonly SessionSubflow[] {
    const { shared } = steering;
    if (!shared.isSteered) return this.trusted;
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
    this.#skipped.add(stream);
    this.#looks.set(shared, isChoice ? (this.#looks.get(shared) ?? 0) + 1 : MAX_SKIPPED_STREAMS);
  }

  /** Whether the stream's turn is over. */
  has(stream: Stream): boolean {
    if (this.#skipped.size === 0) return false;
    const looks = this.#looks.get(stream.steering.shared) ?? 0;
    return looks >= MAX_SKIPPED_STREAMS || this.#skipped.has(stream);
  }
}
