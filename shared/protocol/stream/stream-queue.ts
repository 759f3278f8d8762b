import type { Now } from '../now.ts';
import { PassingSet } from '../passing-set.ts';
import type { Stream } from './stream.ts';

export interface QueueTuning {
  /** Deficit round robin: a stream sends so much before the next one's turn. */
  readonly quantumBytes: number;
  /** A stream is new, and goes before the others, for its first bytes (fq_codel's new flows). */
  readonly newStreamBytes: number;
}

export const QUEUE_TUNING: QueueTuning = { quantumBytes: 16 * 1024, newStreamBytes: 64 * 1024 };

/** Streams whose turn it is not, whatever the order. */
export interface SkippedStreams {
  has(stream: Stream): boolean;
}

/** Streams passed by in one turn: those behind get their look in the next, so that a turn costs the same however many there are. */
export const MAX_STEPS = 1024;

/** What a longer frame overdraws is forgiven: it would shut the stream out for many rounds. */
const MAX_OVERDRAFT_BYTES = 64 * 1024;

/**
 * The order among streams that have something to send: deficit round robin, with new streams before the others
 * (fq_codel, RFC 8290 section 4). A stream that empties leaves; it is new again only as long as it has sent little.
 * Those that none of their uplinks can carry wait beside it.
 */
export class StreamQueue {
  readonly #now: Now;
  readonly #tuning: QueueTuning;
  readonly #fresh = new PassingSet<Stream>();
  readonly #old = new PassingSet<Stream>();
  readonly #stranded = new PassingSet<Stream>();
  #steered = 0;
  /** What of the two lists has had no look in this turn. They go on behind streams that leave their places meanwhile. */
  #freshAhead = this.#fresh.values();
  #oldAhead = this.#old.values();
  /** The stream whose turn it is. */
  #current: Stream | undefined;
  #stepsLeft = 0;
  /** Those that had their look in an earlier turn get another one, behind the rest. */
  #looksAgain = false;

  constructor(now: Now, tuning: QueueTuning) {
    this.#now = now;
    this.#tuning = tuning;
  }

  /** Streams that are bound to uplinks of which none works, those that have waited longest first. */
  get stranded(): PassingSet<Stream> {
    return this.#stranded;
  }

  /** Whether no stream waits for its turn. */
  get isEmpty(): boolean {
    return this.#fresh.size + this.#old.size === 0;
  }

  /** Whether a stream with a choice of uplinks of its own has something to send. */
  get hasSteered(): boolean {
    return this.#steered > 0;
  }

  /** The stream has something to send, as it may have had before. */
  fill(stream: Stream): void {
    if (stream.place.state === 'idle') {
      stream.place.apply('fill');
      this.#append(stream, this.#tuning.quantumBytes);
      // One that is new may have come into a list that was passed by already.
      this.#looksAgain = true;
    }
    this.#countSteered(stream, stream.isSteered);
  }

  /** The stream has nothing to send, as it may have had nothing before. */
  drain(stream: Stream): void {
    if (stream.place.state === 'idle') return;
    stream.place.apply('drain');
    this.#leave(stream);
    this.#stranded.delete(stream);
    this.#countSteered(stream, false);
  }

  /** None of the uplinks that may carry the stream works. */
  strand(stream: Stream): void {
    stream.place.apply('strand');
    this.#leave(stream);
    stream.place.strandedSinceMs = this.#now.ms;
    this.#stranded.add(stream);
  }

  /** One of them works again, or others may carry the stream; without effect on one that is not stranded. */
  relieve(stream: Stream): void {
    if (stream.place.state !== 'stranded') return;
    stream.place.apply('relieve');
    this.#stranded.delete(stream);
    this.#append(stream, this.#tuning.quantumBytes);
    this.#looksAgain = true;
  }

  /**
   * @param goesOn the last turn ended before all had their look: it begins behind those that had
   * @param hasNews these could be sent now, as well: they get another look behind the others, in this turn or the next ones
   */
  beginTurn(goesOn: boolean, hasNews = false): void {
    this.#current = undefined;
    this.#stepsLeft = MAX_STEPS;
    if (goesOn) this.#looksAgain ||= hasNews;
    else this.#beginRound();
  }

  /** Whether the turn ended for the number of those that were passed by. */
  get isCutShort(): boolean {
    return this.#stepsLeft === 0;
  }

  /**
   * The stream whose turn it is, leaving out those in `skipped`; a stream that is there once is there for the whole turn.
   * @returns undefined when all have had their look, or as many as one turn may cost
   */
  next(skipped: SkippedStreams): Stream | undefined {
    while (this.#current === undefined || skipped.has(this.#current)) {
      if (this.#stepsLeft === 0) return undefined;
      this.#stepsLeft--;
      const { value } = this.#freshAhead.next();
      const stream = value ?? this.#oldAhead.next().value;
      if (stream === undefined && this.#looksAgain) {
        this.#beginRound();
        continue;
      }
      this.#current = stream;
      if (stream === undefined) return undefined;
      // It will be met again at the end of the line.
      if (stream.place.deficitBytes <= 0) this.charge(stream, 0);
    }
    return this.#current;
  }

  /** A stream of the queue has sent `bytes`. */
  charge(stream: Stream, bytes: number): void {
    const { place } = stream;
    place.deficitBytes -= bytes;
    if (place.deficitBytes > 0) return;
    // Its turn is over: to the end of the line, with what it overdrew taken off its next turn.
    this.#leave(stream);
    const overdrawnBytes = Math.max(place.deficitBytes, -MAX_OVERDRAFT_BYTES);
    this.#append(stream, overdrawnBytes + this.#tuning.quantumBytes);
  }

  /** Whether it has sent so little that it goes before the others. */
  isNew({ send }: Stream): boolean {
    return send.sentBytes < this.#tuning.newStreamBytes;
  }

  #beginRound(): void {
    this.#freshAhead.return();
    this.#oldAhead.return();
    this.#freshAhead = this.#fresh.values();
    this.#oldAhead = this.#old.values();
    this.#looksAgain = false;
  }

  #append(stream: Stream, deficitBytes: number): void {
    stream.place.deficitBytes = deficitBytes;
    (this.isNew(stream) ? this.#fresh : this.#old).add(stream);
  }

  #leave(stream: Stream): void {
    this.#fresh.delete(stream);
    this.#old.delete(stream);
    if (this.#current === stream) this.#current = undefined;
  }

  #countSteered({ place }: Stream, isSteered: boolean): void {
    if (place.isCountedAsSteered === isSteered) return;
    place.isCountedAsSteered = isSteered;
    this.#steered += isSteered ? 1 : -1;
  }
}
