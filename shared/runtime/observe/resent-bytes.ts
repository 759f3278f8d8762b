import type { SessionDriver } from '../session/session-driver.ts';

type Told = Pick<SessionDriver, 'snapshot'>;

/** Bytes that sessions sent more than once, by the reason; those of sessions that have ended stay counted. */
export class ResentBytes {
  #ended: ResentByReason = { lost: 0, copied: 0, redundant: 0 };

  /** A session is over. */
  onSessionEnded(ended: Told): void {
    this.#ended = sum(this.#ended, resentBy(ended));
  }

  /** Of the ended sessions and of these. */
  total(drivers: Iterable<Told>): ResentByReason {
    return [...drivers].map(resentBy).reduce(sum, this.#ended);
  }
}

/** `lost`: their subflow was doubted or died; `copied`: on a second subflow; `redundant`: as the steering mode wants. */
export interface ResentByReason {
  readonly lost: number;
  readonly copied: number;
  readonly redundant: number;
}

function resentBy(driver: Told): ResentByReason {
  const { reinjectedBytes, copiedBytes, redundantBytes } = driver.snapshot().statistics;
  return { lost: reinjectedBytes, copied: copiedBytes, redundant: redundantBytes };
}

function sum(a: ResentByReason, b: ResentByReason): ResentByReason {
  return {
    lost: a.lost + b.lost,
    copied: a.copied + b.copied,
    redundant: a.redundant + b.redundant,
  };
}
