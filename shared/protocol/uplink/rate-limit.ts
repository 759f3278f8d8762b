import type { ControlFrame } from '../codec/frame.ts';
import type { Now } from '../now.ts';
import { type RateLimitTuning, TokenBucket } from '../subflow/token-bucket.ts';

/** Most that an uplink may carry, bytes per second on the wire; 0 for no limit. */
export interface RateLimit {
  readonly sendBytesPerSecond: number;
  readonly receiveBytesPerSecond: number;
  /** It costs by the byte: idle subflows stay quiet. */
  readonly isMetered: boolean;
}

export type RateLimitFrame = Extract<ControlFrame, { type: 'rateLimit' }>;

/** What an uplink may carry where nothing was said. */
export const NO_LIMIT: RateLimit = { sendBytesPerSecond: 0, receiveBytesPerSecond: 0, isMetered: false };

/** The rate limit of one uplink (SPEC.md section 7, RATE_LIMIT): kept for what this end sends; the client tells the other half. */
export class UplinkRateLimit {
  readonly #now: Now;
  readonly #tuning: RateLimitTuning;
  #limit = NO_LIMIT;
  #bucket: TokenBucket | undefined;
  /** Client: the concentrator may know a limit, by a subflow that is gone here. */
  #wasTold = false;
  /** Concentrator: the highest generation that was heard. */
  #heardGeneration = 0;

  constructor(now: Now, tuning: RateLimitTuning) {
    this.#now = now;
    this.#tuning = tuning;
  }

  get bucket(): TokenBucket | undefined {
    return this.#bucket;
  }

  get isMetered(): boolean {
    return this.#limit.isMetered;
  }

  get isNone(): boolean {
    return this.#limit === NO_LIMIT && !this.#wasTold;
  }

  /** When it lets data go again, if it holds any back; infinite otherwise. */
  get deadlineMs(): number {
    if (this.#bucket === undefined || this.#bucket.isOpen) return Number.POSITIVE_INFINITY;
    return this.#now.ms + Math.min(this.#bucket.waitMs, this.#tuning.lookMs);
  }

  /** What time has brought. */
  refresh(): void {
    this.#bucket?.refresh();
  }

  /** Concentrator: nothing is sent there any more. The client says it again for the next subflow. */
  forget(): void {
    this.#limit = NO_LIMIT;
    this.#bucket = undefined;
    this.#heardGeneration = 0;
  }

  /** From now on. @returns whether the half of it that the peer must know is another one than before */
  set(limit: RateLimit): boolean {
    const before = this.#limit;
    this.#limit = limit;
    const { sendBytesPerSecond } = limit;
    // What is repeated must not fill the bucket anew.
    if (sendBytesPerSecond !== before.sendBytesPerSecond) {
      this.#bucket =
        sendBytesPerSecond === 0 ? undefined : new TokenBucket(sendBytesPerSecond, this.#now, this.#tuning);
    }
    return isForPeer(limit, before);
  }

  /** Concentrator: takes what the client allows here, unless a newer limit was heard. */
  hear({ bytesPerSecond, metered, generation }: RateLimitFrame): void {
    if (generation <= this.#heardGeneration) return;
    this.#heardGeneration = generation;
    this.set({ sendBytesPerSecond: bytesPerSecond, receiveBytesPerSecond: 0, isMetered: metered });
  }

  /** Client: whether a new subflow must tell the concentrator of the limit. */
  get mustBeTold(): boolean {
    return this.#wasTold || isForPeer(this.#limit, NO_LIMIT);
  }

  /** Client: the frame that tells the concentrator, by a subflow of this uplink, and whether it still says how it is. */
  tell(subflowId: number, generation: number): { frame: RateLimitFrame; isCurrent: () => boolean } {
    this.#wasTold = true;
    const told = this.#limit;
    const { receiveBytesPerSecond: bytesPerSecond, isMetered: metered } = told;
    return {
      frame: { type: 'rateLimit', subflowId, bytesPerSecond, metered, generation },
      isCurrent: () => !isForPeer(told, this.#limit),
    };
  }
}

function isForPeer(limit: RateLimit, before: RateLimit): boolean {
  return limit.receiveBytesPerSecond !== before.receiveBytesPerSecond || limit.isMetered !== before.isMetered;
}
