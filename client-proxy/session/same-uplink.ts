import { isDeepStrictEqual } from 'node:util';
import type { Uplink } from '../../shared/runtime/net/uplink.ts';

/** Whether subflows of one would be as good for the other: all but how many of them there are to be. */
export function isSameUplink(one: Uplink, other: Uplink): boolean {
  const counted = { subflowsPerPath: undefined };
  return isDeepStrictEqual({ ...one, ...counted }, { ...other, ...counted });
}
