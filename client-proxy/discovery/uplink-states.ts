import type { Logger } from 'pino';
import type { WallClock } from '../../shared/runtime/clock.ts';
import { FINDING_CODES } from '../network/finding.ts';
import type { UplinkState, UplinkStatus } from '../path-manager/uplink-status.ts';
import type { UplinkSet } from './uplink-set.ts';

/** The status of an uplink, and how long it has been in its state. */
export interface LastingUplinkStatus extends UplinkStatus {
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
}

export interface UplinkStatesOptions {
  readonly uplinks: Pick<UplinkSet, 'uplinks' | 'troubles' | 'departed'>;
  readonly wallClock: WallClock;
  readonly logger: Logger;
  /** An uplink has come into another state. @param before absent for one that is new */
  onChanged?(status: UplinkStatus, before: UplinkState | undefined): void;
}

const FINDINGS: ReadonlySet<string> = new Set(FINDING_CODES);

/** The state of each uplink, as its session and the network tell it, and since when. */
export class UplinkStates {
  readonly #options: UplinkStatesOptions;
  /** As last logged, by name. */
  #told: ReadonlyMap<string, { readonly state: UplinkState; readonly sinceMs: number }> = new Map();

  constructor(options: UplinkStatesOptions) {
    this.#options = options;
  }

  /**
   * Whether each uplink carries a subflow, and if not, why; those included whose interface is gone.
   * @param dialled what the session says of its uplinks
   */
  status(dialled: readonly UplinkStatus[]): readonly LastingUplinkStatus[] {
    const nowMs = this.#options.wallClock();
    return this.#merged(dialled).map((status) => {
      const told = this.#told.get(status.name);
      return { ...status, sinceMs: told?.state === status.state ? told.sinceMs : nowMs };
    });
  }

  /** States may have changed: logs those that have. */
  review(dialled: readonly UplinkStatus[]): void {
    const all = this.status(dialled);
    for (const status of all) {
      const { name, state, reason } = status;
      const before = this.#told.get(name)?.state;
      if (before === state) continue;
      this.#options.logger.info({ uplink: name, state, reason }, 'state of an uplink');
      this.#options.onChanged?.(status, before);
    }
    this.#told = new Map(all.map(({ name, state, sinceMs }) => [name, { state, sinceMs }]));
  }

  #merged(dialled: readonly UplinkStatus[]): readonly UplinkStatus[] {
    const { uplinks, troubles, departed } = this.#options.uplinks;
    const byName = new Map(dialled.map((status) => [status.name, status]));
    const down = { isUp: false, state: 'down' } as const;
    const present = uplinks.map(({ name }): UplinkStatus => {
      const trouble = troubles.get(name);
      const status = byName.get(name);
      // A subflow that works, or a dial of which is known why it has failed, knows better than the routes do.
      const isKnown = status?.isUp || FINDINGS.has(status?.cause ?? '');
      if (trouble !== undefined && (trouble.isCertain || !isKnown)) {
        return { name, ...down, cause: trouble.code, reason: trouble.reason };
      }
      return status ?? { name, ...down, cause: 'no-session', reason: 'no session to be part of yet' };
    });
    const gone = departed.map((name): UplinkStatus => {
      return { name, ...down, cause: 'interface-gone', reason: 'its interface is gone' };
    });
    return [...present, ...gone];
  }
}
