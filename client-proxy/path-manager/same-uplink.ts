import { isDeepStrictEqual } from 'node:util';
import type { ConfiguredUplink } from '../config/client-config.ts';
import type { DialledUplink } from './uplink-role.ts';

/**
 * Whether subflows of one would be as good for the other: all but its role, how many of them there are to be, and what is for direct
 * connections alone.
 */
export function isSameUplink(one: DialledUplink, other: DialledUplink): boolean {
  return isDeepStrictEqual(withoutRole(one), withoutRole(other));
}

function withoutRole({
  backup: _backup,
  standby: _standby,
  joinAboveUtilization: _above,
  subflowsPerPath: _count,
  rateLimit: _rateLimit,
  metered: _metered,
  nameServers: _nameServers,
  ...rest
}: DialledUplink & Partial<ConfiguredUplink>): unknown {
  return rest;
}
