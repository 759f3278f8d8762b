import type { UplinkLoss } from './uplink-trouble.ts';

/** A part that uses uplinks and is told which there are. `Uplink`: what it wants to know of each. */
export interface UplinkFollower<Uplink> {
  /** The uplinks from now on; those that are not among them any more are gone. */
  setUplinks(uplinks: readonly Uplink[]): void;
  /** What was connected over an uplink has lost what it stood on. */
  loseUplink?(loss: UplinkLoss): void;
  /** What these uplinks stand on has changed: what failed may work now. */
  retryUplinks?(uplinkNames: ReadonlySet<string>): void;
}
