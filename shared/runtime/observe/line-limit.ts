import type { Logger } from 'pino';
import { TokenBucket } from '../async/token-bucket.ts';
import type { MonotonicClock } from '../clock.ts';

/** What log lines are written to: a `Logger`, or one under a `LineLimit`. */
export interface LineLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface LineBounds {
  /** Lines of a kind that may come at once. */
  readonly burst: number;
  /** After these, one line of the kind in this time. */
  readonly intervalMs: number;
}

/** Enough for every uplink of a client to come and go; at two dozen kinds of lines, 1 MB an hour at most. */
export const LINE_BOUNDS: LineBounds = { burst: 20, intervalMs: 10_000 };

/** Kinds that are told apart. Messages are constants of the program, so there are few; those beyond share one limit. */
const MAX_KINDS = 64;

type Level = 'info' | 'warn' | 'error';

/**
 * Bounds how many lines others can make this program write. Lines with the same message are of one kind: a burst of them is
 * written, then one in each interval, which says how many were left out. At level `debug` every line is written, for whoever
 * turned it on wants to see them.
 *
 * One limit belongs to one cause, such as a client or strangers, so that a noisy one does not hide the others.
 */
export class LineLimit {
  readonly #clock: MonotonicClock;
  readonly #bounds: LineBounds;
  readonly #kinds = new Map<string, Kind>();

  constructor(clock: MonotonicClock, bounds: LineBounds = LINE_BOUNDS) {
    this.#clock = clock;
    this.#bounds = bounds;
  }

  /** Writes to `logger` under this limit; several loggers may share it. Messages must be constants. */
  over(logger: Logger): LineLog {
    const limited = (level: Level) => (fields: object, message: string) => {
      if (!logger.isLevelEnabled(level)) return;
      const write = (more: object, text: string) => logger[level]({ ...fields, ...more }, text);
      if (logger.isLevelEnabled('debug')) write({}, message);
      else this.#kindOf(message).add(message, write);
    };
    return {
      debug: (fields, message) => logger.debug(fields, message),
      info: limited('info'),
      warn: limited('warn'),
      error: limited('error'),
    };
  }

  #kindOf(message: string): Kind {
    const key = this.#kinds.has(message) || this.#kinds.size < MAX_KINDS ? message : '';
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      kind = new Kind(this.#clock, this.#bounds);
      this.#kinds.set(key, kind);
    }
    return kind;
  }
}

type Write = (more: object, text: string) => void;

/** Lines of one kind: a token bucket, and what was left out since it ran dry. */
class Kind {
  readonly #bucket: TokenBucket;
  #leftOut = 0;
  #tellLeftOut = () => {};

  constructor(clock: MonotonicClock, { burst, intervalMs }: LineBounds) {
    this.#bucket = new TokenBucket({ perSecond: 1_000 / intervalMs, burst }, clock);
  }

  add(message: string, write: Write): void {
    if (this.#leftOut === 0 && this.#bucket.tryTake()) {
      write({}, message);
      return;
    }
    this.#leftOut++;
    this.#tellLeftOut = () => {
      const others = this.#leftOut - 1;
      if (others === 0) write({}, message);
      else write({ leftOut: others }, `${message} (and ${others} more)`);
    };
    if (this.#leftOut === 1) this.#waitForToken();
  }

  /** A timer, so that the last lines of a burst are told even when nothing follows. It keeps no process alive. */
  #waitForToken(): void {
    setTimeout(() => {
      if (!this.#bucket.tryTake()) return this.#waitForToken();
      this.#tellLeftOut();
      this.#leftOut = 0;
      this.#tellLeftOut = () => {};
    }, Math.ceil(this.#bucket.waitMs)).unref();
  }
}
