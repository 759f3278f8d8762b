import { isDeepStrictEqual } from 'node:util';
import type { DialledUplink } from './uplink-role.ts';

/** Whether subflows of one would be as good for the other: all but its role, and how many of them there are to be. */
export function isSameUplink(one: DialledUplink, other: DialledUplink): boolean {
  return isDeepStrictEqual(withoutRole(one), withoutRole(other));
}

function withoutRole({
  backup: _backup,
  standby: _standby,
  joinAboveUtilization: _above,
  subflowsPerPath: _count,
  ...rest
}: DialledUplink): unknown {
  return rest;
}
