import { isDeepStrictEqual } from 'node:util';
import ipaddr from 'ipaddr.js';
import { isInNetwork, type Network } from '../../shared/runtime/address/ip-address.ts';
import type { PortRange } from '../../shared/runtime/config/ranges.ts';
import type { SteeringRule } from './steering-rule.ts';

/**
 * The rules that are never reached, since one rule above each of them matches all that it would. Several rules that do so
 * only together are not found.
 */
export function shadowedRules(
  rules: readonly SteeringRule[],
): { readonly index: number; readonly by: number }[] {
  return rules.flatMap((rule, index) => {
    const by = rules.slice(0, index).findIndex((earlier) => covers(earlier, rule));
    return by < 0 ? [] : [{ index, by }];
  });
}

function covers(earlier: SteeringRule, later: SteeringRule): boolean {
  return (
    // A rule that holds at times never covers one that holds at others.
    (earlier.between === undefined || isDeepStrictEqual(earlier.between, later.between)) &&
    (earlier.protocol === undefined || earlier.protocol === later.protocol) &&
    coversEach(earlier.ports, later.ports, coversPorts) &&
    coversEach(earlier.users, later.users, (one, other) => one === other) &&
    coversDestinations(earlier, later)
  );
}

/** A condition that is absent is met by everything. */
function coversEach<T>(
  earlier: readonly T[] | undefined,
  later: readonly T[] | undefined,
  covers: (one: T, other: T) => boolean,
): boolean {
  if (earlier === undefined) return true;
  return later?.every((other) => earlier.some((one) => covers(one, other))) ?? false;
}

function coversPorts(one: PortRange, other: PortRange): boolean {
  return one.from <= other.from && one.to >= other.to;
}

function coversDestinations(earlier: SteeringRule, later: SteeringRule): boolean {
  if (matchesAnyDestination(earlier)) return true;
  if (matchesAnyDestination(later)) return false;
  return (
    (later.hosts ?? []).every((host) => earlier.hosts?.some((pattern) => coversHosts(pattern, host))) &&
    (later.networks ?? []).every((network) => earlier.networks?.some((one) => coversNetwork(one, network)))
  );
}

function matchesAnyDestination({ hosts, networks }: SteeringRule): boolean {
  return (hosts === undefined && networks === undefined) || (hosts?.includes('*') ?? false);
}

function coversHosts(pattern: string, host: string): boolean {
  return pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));
}

function coversNetwork(one: string, other: string): boolean {
  const outer: Network = ipaddr.parseCIDR(one);
  const [address, bits]: Network = ipaddr.parseCIDR(other);
  return outer[1] <= bits && isInNetwork(address, outer);
}
