import { ProtocolViolation } from '../errors.ts';
import { PassingMap } from '../passing-map.ts';
import type { Stream } from '../stream/stream.ts';

/** What the slack of `StreamTable.most` is at least, unless that is most of the streams, and as a share. */
const MIN_SLACK = 16;
const SLACK_SHARE = 1 / 8;

/**
 * The streams that one end of a session opens, by id (SPEC.md section 6): open, expected (a higher id was seen first), or closed. Bounded
 * by twice `maxStreams`. Those that are settled do not count: the peer has forgotten them.
 */
export class StreamTable {
  readonly #maxStreams: number;
  readonly #open = new PassingMap<number, Stream>();
  /** Nothing more comes or goes: only this end's application has something left to take. Oldest first. */
  readonly #settled = new PassingMap<number, Stream>();
  readonly #expected = new Set<number>();
  #nextId: number;

  /** @param firstId where the ids begin */
  constructor(maxStreams: number, firstId = 0) {
    this.#maxStreams = maxStreams;
    this.#nextId = firstId;
  }

  get size(): number {
    return this.#open.size;
  }

  get isFull(): boolean {
    return this.unsettledCount >= this.#maxStreams;
  }

  /** The stream that was settled first, when there are more of them than there may be streams. */
  get superfluous(): Stream | undefined {
    if (this.#settled.size <= this.#maxStreams) return undefined;
    const [oldest] = this.#settled.values();
    return oldest;
  }

  /** Streams that the peer may have open: a few more than it was told, since it may know sooner which ones have ended. */
  get most(): number {
    const least = Math.min(MIN_SLACK, Math.ceil(this.#maxStreams / 2));
    return this.#maxStreams + Math.max(least, Math.ceil(this.#maxStreams * SLACK_SHARE));
  }

  /** The id of the next stream that this end opens. */
  allocate(): number {
    return this.#nextId++;
  }

  get(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  add(stream: Stream): void {
    this.#open.set(stream.id, stream);
  }

  settle(stream: Stream): void {
    this.#settled.set(stream.id, stream);
  }

  delete(id: number): void {
    this.#open.delete(id);
    this.#settled.delete(id);
  }

  all(): IterableIterator<Stream> {
    return this.#open.values();
  }

  /**
   * Notes that the peer has used `id`; true when that is news, so that the stream must be made.
   * @throws ProtocolViolation when the ids run too far ahead
   */
  claim(id: number): boolean {
    if (id < this.#nextId) return this.#expected.delete(id);
    const known = this.unsettledCount + this.#expected.size;
    if (known + (id - this.#nextId) >= this.#maxStreams * 2) {
      throw new ProtocolViolation('too many streams', 'resourceExceeded');
    }
    for (let expected = this.#nextId; expected < id; expected++) this.#expected.add(expected);
    this.#nextId = id + 1;
    return true;
  }

  /** Those that count for the peer. */
  get unsettledCount(): number {
    return this.#open.size - this.#settled.size;
  }
}
