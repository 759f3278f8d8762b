import type { Logger } from 'pino';

/**
 * What an uplink may be used for: as configured; carrying data only while no other can; or not at all, without any subflow.
 */
export type UplinkUse = 'normal' | 'backup' | 'stopped';

/** With the reason, for a person; empty for `normal`. */
export interface UplinkUseWithReason {
  readonly use: UplinkUse;
  readonly reason: string;
}

export const NORMAL_USE: UplinkUseWithReason = { use: 'normal', reason: '' };

/** What each uplink may be used for now; `normal` where nothing else has been said. As many as are metered. */
export class UplinkUses {
  readonly #logger: Logger;
  readonly #restricted = new Map<string, UplinkUseWithReason>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  of(uplinkName: string): UplinkUseWithReason {
    return this.#restricted.get(uplinkName) ?? NORMAL_USE;
  }

  /** @param reason for people */
  set(uplinkName: string, use: UplinkUse, reason: string): void {
    if (use === 'normal') this.#restricted.delete(uplinkName);
    else this.#restricted.set(uplinkName, { use, reason });
    this.#logger.info({ uplink: uplinkName, use, reason }, 'use of an uplink');
  }
}
