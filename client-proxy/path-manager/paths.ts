import { isIP, isIPv6 } from 'node:net';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import type { UplinkBinding } from '../uplink/uplink.ts';

/**
 * What counts as a path: each uplink; each uplink and address family; or each uplink and address (`fullmesh`, as the path
 * manager of Linux's MPTCP is named). Each path has subflows of its own.
 */
export const PATH_MODES = ['per-uplink', 'per-family', 'fullmesh'] as const;
export type PathMode = (typeof PATH_MODES)[number];

/** One of the concentrator's addresses; a name stands for its addresses of these families. */
export interface PathTarget extends Destination {
  readonly families: readonly (4 | 6)[];
}

/** The targets of each path of an uplink, by a key that lasts as long as the path; targets of one path are alternatives. */
export type Paths = ReadonlyMap<string, readonly PathTarget[]>;

/** The paths of an uplink to these addresses, at most `most`: what would be more are alternatives on the last one. */
export function pathsOf(
  mode: PathMode,
  binding: UplinkBinding,
  addresses: readonly Destination[],
  most: number,
): Paths {
  const paths = new Map<string, PathTarget[]>();
  let last: PathTarget[] = [];
  const own = addresses.flatMap((address) => targetsOf(mode, binding, address));
  // Perhaps a translator leads there.
  const translated = own.length === 0 && binding.kind === 'address' && isIPv6(binding.address);
  for (const target of translated ? addresses.map(asTranslated) : own) {
    const key = keyOf(mode, target);
    const path = paths.get(key);
    if (path !== undefined) {
      path.push(target);
    } else if (paths.size < most) {
      last = [target];
      paths.set(key, last);
    } else {
      // It may be the only one that works.
      last.push(target);
    }
  }
  return paths;
}

/** Which path of its uplink a connection to this address takes, as HELLO and JOIN say it (SPEC.md section 5). */
export function pathNumber(mode: PathMode, { host }: Destination): number {
  return mode === 'per-uplink' ? 0 : isIP(host);
}

/** An address of the other family than the uplink's own has no path there. */
function targetsOf(mode: PathMode, binding: UplinkBinding, address: Destination): readonly PathTarget[] {
  const families = familiesOf(address.host);
  const own = binding.kind === 'address' ? isIP(binding.address) : 0;
  const usable = families.filter((family) => own === 0 || family === own);
  // A proxy resolves names by itself, and takes what it finds.
  const isWhole = mode === 'per-uplink' || binding.kind === 'proxy';
  if (isWhole) return usable.length > 0 ? [{ ...address, families: usable }] : [];
  return usable.map((family) => ({ ...address, families: [family] }));
}

function asTranslated(address: Destination): PathTarget {
  return { ...address, families: familiesOf(address.host) };
}

function keyOf(mode: PathMode, target: PathTarget): string {
  switch (mode) {
    case 'per-uplink':
      return '';
    case 'per-family':
      return `IPv${target.families.join('/')}`;
    case 'fullmesh':
      return `${formatDestination(target)} IPv${target.families.join('/')}`;
  }
}

function familiesOf(host: string): readonly (4 | 6)[] {
  const family = isIP(host);
  return family === 0 ? [6, 4] : [family as 4 | 6];
}
