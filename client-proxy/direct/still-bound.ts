import { isDeepStrictEqual } from 'node:util';
import type { Uplink } from '../uplink/uplink.ts';

/** Whether the uplink is still there and bound as it was: what was connected over it may go on. */
export function isStillBound({ name, binding }: Uplink, uplinks: readonly Uplink[]): boolean {
  return isDeepStrictEqual(uplinks.find((one) => one.name === name)?.binding, binding);
}
