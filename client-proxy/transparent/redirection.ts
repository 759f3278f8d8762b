import { isIPv6 } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';

/** Which connections are redirected to the client, and which are not. */
export interface Redirection {
  /** Where the client takes them, as `TransparentSettings.listen`. */
  readonly listen: readonly Destination[];
  /** Interfaces of networks behind this machine, whose connections are forwarded here. */
  readonly lan: readonly string[];
  /** This machine's own connections are redirected, except those of this user: the client's own. Absent: none are. */
  readonly local?: { readonly exceptUserId: number };
  /** Addresses and networks that connections go to as if there were no rules. */
  readonly usualWay: readonly string[];
  /** QUIC (UDP port 443) is refused, so that browsers use TCP, which is redirected. */
  readonly refusesQuic: boolean;
  /** Connections keep their addresses (TPROXY), which needs `policyRouting` and a client that may take them. */
  readonly usesTproxy: boolean;
  /** UDP is led to the client, too; by TPROXY alone. */
  readonly leadsUdp: boolean;
}

/** Whose connections a chain has: those of this machine, or those of the networks behind it. */
export type Origin = 'local' | 'lan';

/** The family's address that takes connections of this origin; undefined where none can. */
export function listenerFor(
  listen: readonly Destination[],
  family: 4 | 6,
  origin: Origin,
): Destination | undefined {
  return listen.find(({ host }) => {
    if (isIPv6(host) !== (family === 6)) return false;
    // What comes from outside is not routed to loopback.
    return origin === 'local' || !(host.startsWith('127.') || host === '::1');
  });
}

/** Whether a packet is one of the client's own, in the language of nft. */
export function isOwnUser({ exceptUserId }: NonNullable<Redirection['local']>): string {
  return `meta skuid ${exceptUserId} accept`;
}
