import type { Logger } from 'pino';
import type { UplinkFollower } from '../network/uplink-follower.ts';

/** An uplink that may be turned off. */
interface UplinkSwitch {
  readonly name: string;
  readonly isOff?: true;
}

/**
 * What an uplink may be used for: as configured; carrying data only while no other can; or not at all, without any subflow.
 */
export type UplinkUse = 'normal' | 'backup' | 'stopped';

/** With the reason, for a person; empty for `normal`. */
export interface UplinkUseWithReason {
  readonly use: UplinkUse;
  readonly reason: string;
  /** Absent: a cap has restricted it. */
  readonly cause?: 'turned-off';
}

export const NORMAL_USE: UplinkUseWithReason = { use: 'normal', reason: '' };
const OFF: UplinkUseWithReason = {
  use: 'stopped',
  reason: 'turned off in the configuration',
  cause: 'turned-off',
};

/** What each uplink may be used for now; `normal` where nothing else has been said. As many as are metered or turned off. */
export class UplinkUses implements UplinkFollower<UplinkSwitch> {
  readonly #logger: Logger;
  readonly #restricted = new Map<string, UplinkUseWithReason>();
  #off: ReadonlySet<string> = new Set();
  #onChanged: (uplinkName: string) => void = () => {};

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  of(uplinkName: string): UplinkUseWithReason {
    return this.#off.has(uplinkName) ? OFF : (this.#restricted.get(uplinkName) ?? NORMAL_USE);
  }

  /** @param onChanged is told of each uplink of which `of` says something else now */
  tellChanges(onChanged: (uplinkName: string) => void): void {
    this.#onChanged = onChanged;
  }

  /** The uplinks from now on. */
  setUplinks(uplinks: readonly UplinkSwitch[]): void {
    const before = this.#off;
    this.#off = new Set(uplinks.flatMap(({ name, isOff }) => (isOff === true ? [name] : [])));
    for (const { name } of uplinks) {
      const isOff = this.#off.has(name);
      if (isOff === before.has(name)) continue;
      this.#logger.info({ uplink: name }, isOff ? 'uplink turned off' : 'uplink turned on');
      this.#onChanged(name);
    }
  }

  /** @param reason for people */
  set(uplinkName: string, use: UplinkUse, reason: string): void {
    if (use === 'normal') this.#restricted.delete(uplinkName);
    else this.#restricted.set(uplinkName, { use, reason });
    this.#logger.info({ uplink: uplinkName, use, reason }, 'use of an uplink');
    this.#onChanged(uplinkName);
  }
}
