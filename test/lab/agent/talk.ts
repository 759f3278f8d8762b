import type { Socket } from 'node:net';
import { monotonicMs } from './arrivals.ts';
import { isPatternAt, patternAt } from './pattern.ts';
import { pendingError } from './pending-error.ts';

/** Who speaks when. `turns`: the origin sends as much as it has got, the client its next message after that. */
export type TalkOrder = 'together' | 'up-first' | 'down-first' | 'turns';

/** A conversation over one connection: each side sends its bytes and ends its direction, and tells what it got. */
export interface Talk {
  /** Unique; what each side sends is the pattern from an offset that follows from it. */
  readonly key: number;
  readonly upBytes: number;
  readonly downBytes: number;
  readonly order: TalkOrder;
  /** Of `turns`: a message of the client, and the time from its answer to the next one. */
  readonly messageBytes: number;
  readonly pauseMs: number;
  /** What each side reads, in bytes/s; 0: all at once. */
  readonly clientReads: number;
  readonly originReads: number;
  /** The client reads nothing for this long after it has got its first bytes. */
  readonly stallMs: number;
}

/** What one side of a {@link Talk} knows of it in the end. */
export interface TalkEnd {
  readonly key: number;
  readonly side: 'client' | 'origin';
  readonly receivedBytes: number;
  /** Whether all bytes that came were the right ones. */
  readonly isExact: boolean;
  /** The other side ended its direction in order. */
  readonly hasEnd: boolean;
  /** All was sent, and the own direction ended. */
  readonly isSent: boolean;
  /** Why it did not end in order. */
  readonly error?: string;
  /** Of `turns`, at the client: from each message to the end of its answer. */
  readonly turnTimesMs?: readonly number[];
  /** By the monotonic clock. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** A conversation in which nobody says anything, to be filled in. */
export const SILENT_TALK: Omit<Talk, 'key'> = {
  upBytes: 0,
  downBytes: 0,
  order: 'up-first',
  messageBytes: 0,
  pauseMs: 0,
  clientReads: 0,
  originReads: 0,
  stallMs: 0,
};

const WRITE_BYTES = 64 * 1024;
/** How often a slow reader looks whether it may read again. */
const READ_AGAIN_MS = 20;
/** The directions differ: bytes that come back to their sender are wrong there. */
const DOWN_OFFSET = 500_000;
/** Conversations differ. Prime, so that they begin all over the pattern. */
const KEY_STRIDE = 7_919;

/** The line with which the client begins. */
export function requestOf({ key, upBytes, downBytes, order, originReads }: Talk): string {
  return `talk ${key} ${upBytes} ${downBytes} ${order} ${originReads}\n`;
}

/** What the origin knows of a conversation from its first line, after the verb. */
export function talkOf(words: readonly string[]): Talk {
  const [key, upBytes, downBytes, order, originReads] = words;
  return {
    ...SILENT_TALK,
    key: Number(key),
    upBytes: Number(upBytes),
    downBytes: Number(downBytes),
    order: order as TalkOrder,
    originReads: Number(originReads),
  };
}

/** One side of a conversation. Its owner hands on what comes: bytes, the end, and the close of the socket. */
export class TalkSide {
  readonly #talk: Talk;
  readonly #isClient: boolean;
  readonly #socket: Socket;
  readonly #done: (end: TalkEnd) => void;
  readonly #startedAtMs = monotonicMs();
  readonly #timers = new Set<NodeJS.Timeout>();
  #receivedBytes = 0;
  #sentBytes = 0;
  #isExact = true;
  #hasEnd = false;
  #isSent = false;
  /** Whether the socket takes more. */
  #isWritable = true;
  /** Of `turns`: how far the client may send. */
  #turnBytes: number;
  #turnSentAtMs = 0;
  readonly #turnTimesMs: number[] = [];
  #stalledUntilMs = 0;

  constructor(talk: Talk, side: TalkEnd['side'], socket: Socket, done: (end: TalkEnd) => void) {
    this.#talk = talk;
    this.#isClient = side === 'client';
    this.#socket = socket;
    this.#done = done;
    this.#turnBytes = talk.messageBytes;
    socket.on('drain', () => {
      this.#isWritable = true;
      this.send();
    });
  }

  /** Sends what may be sent by now. */
  send(): void {
    const all = this.#isClient ? this.#talk.upBytes : this.#talk.downBytes;
    const most = Math.min(all, this.#allowedBytes());
    if (this.#sentBytes < most) this.#turnSentAtMs = monotonicMs();
    while (this.#isWritable && this.#sentBytes < most) {
      const offset = this.#offset(this.#isClient) + this.#sentBytes;
      const chunk = patternAt(offset, Math.min(WRITE_BYTES, most - this.#sentBytes));
      this.#sentBytes += chunk.length;
      this.#isWritable = this.#socket.write(chunk);
    }
    if (this.#isSent || this.#sentBytes < all || !this.#maySpeak()) return;
    this.#isSent = true;
    this.#socket.end();
  }

  /** `bytes` are only valid during the call. */
  receive(bytes: Uint8Array): void {
    const { order, stallMs, messageBytes, upBytes, pauseMs } = this.#talk;
    if (this.#receivedBytes === 0 && this.#isClient) this.#stalledUntilMs = monotonicMs() + stallMs;
    this.#isExact &&= isPatternAt(this.#offset(!this.#isClient) + this.#receivedBytes, bytes);
    this.#receivedBytes += bytes.length;
    if (this.#isAhead()) this.#readLater();
    const isAnswered = order === 'turns' && this.#isClient && this.#receivedBytes === this.#turnBytes;
    if (isAnswered) this.#turnTimesMs.push(monotonicMs() - this.#turnSentAtMs);
    else this.send();
    if (isAnswered && this.#turnBytes < upBytes)
      this.#after(pauseMs, () => {
        this.#turnBytes += messageBytes;
        this.send();
      });
  }

  /** The other side has ended its direction, or so it seems. */
  end(): void {
    const error = pendingError(this.#socket);
    if (error) {
      this.#socket.destroy(error);
      return;
    }
    this.#hasEnd = true;
    this.send();
  }

  /** The connection is over; tells how it went. */
  closed(error: Error | undefined): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#done({
      key: this.#talk.key,
      side: this.#isClient ? 'client' : 'origin',
      receivedBytes: this.#receivedBytes,
      isExact: this.#isExact,
      hasEnd: this.#hasEnd,
      isSent: this.#isSent,
      ...(error ? { error: (error as NodeJS.ErrnoException).code ?? error.message } : {}),
      ...(this.#turnTimesMs.length > 0 ? { turnTimesMs: this.#turnTimesMs } : {}),
      startedAtMs: this.#startedAtMs,
      endedAtMs: monotonicMs(),
    });
  }

  #allowedBytes(): number {
    if (this.#talk.order === 'turns') return this.#isClient ? this.#turnBytes : this.#receivedBytes;
    return this.#maySpeak() ? Number.POSITIVE_INFINITY : 0;
  }

  /** Whether this side's turn has come. */
  #maySpeak(): boolean {
    const { order } = this.#talk;
    if (order === 'up-first') return this.#isClient || this.#hasEnd;
    if (order === 'down-first') return !this.#isClient || this.#hasEnd;
    return true;
  }

  /** Whether a slow reader has read enough for now. */
  #isAhead(): boolean {
    const now = monotonicMs();
    if (now < this.#stalledUntilMs) return true;
    const rate = this.#isClient ? this.#talk.clientReads : this.#talk.originReads;
    return rate > 0 && this.#receivedBytes > ((now - this.#startedAtMs) * rate) / 1000;
  }

  #readLater(): void {
    this.#socket.pause();
    const look = () => {
      if (this.#isAhead()) this.#after(READ_AGAIN_MS, look);
      else this.#socket.resume();
    };
    this.#after(READ_AGAIN_MS, look);
  }

  #after(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms);
    this.#timers.add(timer);
  }

  /** Where the pattern of a direction begins. */
  #offset(isUp: boolean): number {
    return this.#talk.key * KEY_STRIDE + (isUp ? 0 : DOWN_OFFSET);
  }
}
