import type { Registry } from 'prom-client';
import type { PeerLoss, PeerRole } from '../app/watched-peer.ts';
import { registerCounter } from './scraped-metric.ts';

const ROLES: readonly PeerRole[] = ['application', 'origin'];
const REASONS: readonly PeerLoss[] = ['gone', 'silent', 'stalled'];

/** Connections that were ended because their other end was lost. */
export class PeerLosses {
  readonly #counts: Record<PeerRole, Record<PeerLoss, number>> = {
    application: { gone: 0, silent: 0, stalled: 0 },
    origin: { gone: 0, silent: 0, stalled: 0 },
  };

  add(role: PeerRole, reason: PeerLoss): void {
    this.#counts[role][reason] += 1;
  }

  countOf(role: PeerRole, reason: PeerLoss): number {
    return this.#counts[role][reason];
  }
}

export function registerPeerLosses(registry: Registry, losses: PeerLosses): void {
  registerCounter(registry, {
    name: 'tributary_peers_lost_total',
    help: 'Connections ended because their other end (application, origin) was gone (it had closed both ways), silent (it answered no probe) or stalled (it took nothing any more)',
    labelNames: ['end', 'reason'],
    *samples() {
      for (const end of ROLES)
        for (const reason of REASONS) yield [{ end, reason }, losses.countOf(end, reason)];
    },
  });
}
