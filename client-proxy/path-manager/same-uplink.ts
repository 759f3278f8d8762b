import { isDeepStrictEqual } from 'node:util';
import type { DialledUplink } from './uplink-role.ts';

/** Whether subflows of one would be as good for the other: they are made alike, whatever role they have. */
export function isSameUplink(one: DialledUplink, other: DialledUplink): boolean {
  return isDeepStrictEqual(makingOf(one), makingOf(other));
}

/** All that decides how a subflow of the uplink is made. */
function makingOf({ name, binding, congestionControl }: DialledUplink): unknown {
  return { name, binding, congestionControl };
}
