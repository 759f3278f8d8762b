import type { SendStream } from '../stream/send-stream.ts';
import { QUANTUM_BYTES } from '../tunables.ts';

/** Streams whose turn it is not, whatever the order. */
export type SkippedStreams = Pick<ReadonlySet<SendStream>, 'has'>;

/**
 * The order among streams that have something to send: deficit round robin, with new streams before the others
 * (fq_codel, RFC 8290 section 4). A stream that empties leaves; it is new again only as long as it has sent little.
 */
export class StreamQueue {
  readonly #fresh = new Set<SendStream>();
  readonly #old = new Set<SendStream>();
  readonly #deficits = new Map<SendStream, number>();

  get size(): number {
    return this.#fresh.size + this.#old.size;
  }

  add(stream: SendStream): void {
    if (this.#deficits.has(stream)) return;
    this.#deficits.set(stream, QUANTUM_BYTES);
    (stream.isNewStream ? this.#fresh : this.#old).add(stream);
  }

  remove(stream: SendStream): void {
    this.#fresh.delete(stream);
    this.#old.delete(stream);
    this.#deficits.delete(stream);
  }

  /** The stream whose turn it is, leaving out those in `skipped`. */
  next(skipped: SkippedStreams): SendStream | undefined {
    return this.#nextIn(this.#fresh, skipped) ?? this.#nextIn(this.#old, skipped);
  }

  /** `stream` has sent `bytes`. */
  charge(stream: SendStream, bytes: number): void {
    const left = (this.#deficits.get(stream) ?? 0) - bytes;
    if (left > 0) {
      this.#deficits.set(stream, left);
      return;
    }
    // Its turn is over: to the end of the line, with what it overdrew taken off its next turn.
    this.remove(stream);
    this.#deficits.set(stream, Math.max(left, -MAX_OVERDRAFT_BYTES) + QUANTUM_BYTES);
    (stream.isNewStream ? this.#fresh : this.#old).add(stream);
  }

  #nextIn(list: ReadonlySet<SendStream>, skipped: SkippedStreams): SendStream | undefined {
    for (const stream of list) {
      if (skipped.has(stream)) continue;
      const deficit = this.#deficits.get(stream)!;
      if (deficit > 0) return stream;
      this.charge(stream, 0);
    }
    return undefined;
  }
}

/** What a longer frame overdraws is forgiven: it would shut the stream out for many rounds. */
const MAX_OVERDRAFT_BYTES = 64 * 1024;
