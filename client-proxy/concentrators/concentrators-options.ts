import type { Logger } from 'pino';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { SessionDatagramUse } from '../datagram/datagram-relay.ts';
import type { UplinkStatus } from '../path-manager/uplink-status.ts';
import type { MakeConcentrator } from './concentrator.ts';
import type { ConcentratorEvent } from './concentrator-event.ts';

/** What the concentrators ask of the program, and tell it. */
export interface ConcentratorsOptions {
  readonly make: MakeConcentrator;
  /** Whether an uplink may carry anything without need. */
  isUsable(uplinkName: string): boolean;
  /** The states of the uplinks, as the session of the chosen concentrator has them, may be others now. */
  onReviewed(uplinks: readonly UplinkStatus[]): void;
  /** Whether a stream that is opened now finds a session may be otherwise. */
  onChanged(): void;
  /** Sessions of concentrators that are not heard while another one is: what has no answer from them yet can go to that one. */
  onSilent(drivers: ReadonlySet<SessionDriver>): void;
  /** Sessions of a concentrator that was taken out of the configuration. */
  onLeft(drivers: readonly SessionDriver[]): void;
  /** So many have sessions from now on, those that were taken out and go on among them. */
  onCount(count: number): void;
  /** What applications that send datagrams have in a session. */
  datagramsOf(driver: SessionDriver): SessionDatagramUse;
  /** Told where there are several. */
  onEvent(event: ConcentratorEvent): void;
  readonly clock: MonotonicClock;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}
