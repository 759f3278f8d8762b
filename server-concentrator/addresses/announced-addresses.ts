import ipaddr from 'ipaddr.js';
import type { Destination } from '../../shared/protocol/destination.ts';
import { MAX_ANNOUNCED_ADDRESSES } from '../../shared/protocol/session/announcements.ts';
import { isSameHost } from '../../shared/runtime/address/ip-address.ts';
import { judgeAddress } from '../../shared/runtime/address/special-ranges.ts';

/** What is told to clients: IP addresses with ports, and whether they may make further subflows where they came in first. */
export interface Announced {
  readonly addresses: readonly Destination[];
  readonly joinHere: boolean;
}

/** What `announce` in the configuration asks for. */
export interface AnnounceConfig {
  readonly addresses: 'auto' | readonly Destination[];
  readonly joinHere: boolean;
}

/** Where this machine can be reached. */
export interface Reachable {
  /** All its addresses. */
  readonly own: readonly string[];
  readonly listen: readonly Destination[];
  /** As configured; entries that are names are left to `own`. */
  readonly public: readonly Destination[];
}

/**
 * The addresses that are announced now, at most MAX_ANNOUNCED_ADDRESSES: those that are listed, or, for `auto`, the public
 * ones of this machine, each with the ports that it listens at there. Without any, clients join where they came in.
 */
export function announcedNow({ addresses, joinHere }: AnnounceConfig, reachable: Reachable): Announced {
  const wanted = addresses === 'auto' ? publicAddresses(reachable) : addresses;
  const bounded = wanted.slice(0, MAX_ANNOUNCED_ADDRESSES);
  return { addresses: bounded, joinHere: joinHere || bounded.length === 0 };
}

/** The bytes of an IPv4 or IPv6 address, 4 or 16. */
export function addressBytes(host: string): Uint8Array {
  return Uint8Array.from(ipaddr.parse(host).toByteArray());
}

function publicAddresses({ own, listen, public: configured }: Reachable): readonly Destination[] {
  const found = new Map<string, Destination>();
  const add = ({ host, port }: Destination) => found.set(`${ipaddr.parse(host)} ${port}`, { host, port });
  for (const entry of configured) if (isPublic(entry.host)) add(entry);
  for (const host of own.filter(isPublic)) {
    for (const { port } of listen.filter((one) => isReachedAt(host, one.host))) add({ host, port });
  }
  return [...found.values()];
}

/** Whether a connection to `host` arrives at a socket that listens at `listen`; `::` takes IPv4, too. */
function isReachedAt(host: string, listen: string): boolean {
  if (listen === '::') return true;
  if (listen === '0.0.0.0') return ipaddr.parse(host).kind() === 'ipv4';
  return isSameHost(host, listen);
}

function isPublic(host: string): boolean {
  return judgeAddress(host)?.every(({ special }) => special === undefined) ?? false;
}
