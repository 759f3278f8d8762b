import type { Now } from '../now.ts';
import { PassingMap } from '../passing-map.ts';
import type { Stream } from '../stream/stream.ts';

/** Streams without OPEN that a session has at once: OPEN is overtaken by the first bytes of streams that begin together. */
export const MAX_EMBRYOS = 128;
/** What all of them may have received: sixteen full first windows. */
export const MAX_EMBRYO_BYTES = 1024 * 1024;
/** How long OPEN may take, while there is a subflow it could come on. */
const EMBRYO_LIFE_MS = 30_000;
/** The session looks at its streams at least this often while it has a subflow. */
const MAX_LOOK_MS = 2_000;

/** Streams that DATA or STEERING has made before their OPEN: few, small and short-lived. */
export class Embryos {
  readonly #now: Now;
  /** By their ids, with when they were made, by `#aliveMs`; the oldest first. */
  readonly #streams = new PassingMap<number, Embryo>();
  #earlyBytes = 0;
  /** Time in which the session had a subflow. */
  #aliveMs = 0;
  #lookedMs: number;

  constructor(now: Now) {
    this.#now = now;
    this.#lookedMs = now.ms;
  }

  get count(): number {
    return this.#streams.size;
  }

  add(stream: Stream): void {
    this.#streams.set(stream.id, { stream, madeMs: this.#aliveMs });
  }

  /** Its OPEN has come, or it is closed. */
  delete(stream: Stream): void {
    if (this.#streams.delete(stream.id)) this.#earlyBytes -= stream.early.bytes.length;
  }

  /** Keeps what DATA brought. @returns false when all of them have too much */
  keep(stream: Stream, bytes: Uint8Array): boolean {
    this.#earlyBytes += bytes.length;
    stream.early.bytes.add(bytes);
    return this.#earlyBytes <= MAX_EMBRYO_BYTES;
  }

  /** Those whose OPEN has taken too long. The session has a subflow now. */
  expired(): readonly Stream[] {
    this.#aliveMs += Math.min(this.#now.ms - this.#lookedMs, MAX_LOOK_MS);
    this.#lookedMs = this.#now.ms;
    if (this.#streams.size === 0) return [];
    const expired: Stream[] = [];
    for (const { stream, madeMs } of this.#streams.values()) {
      if (this.#aliveMs - madeMs < EMBRYO_LIFE_MS) break;
      expired.push(stream);
    }
    return expired;
  }
}

interface Embryo {
  readonly stream: Stream;
  readonly madeMs: number;
}
