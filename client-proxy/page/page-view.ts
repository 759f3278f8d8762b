import type { ClientStatus, MeteredReport, UplinkReport } from '../status/client-status.ts';
import type { UplinkHistory, UplinkRate } from './uplink-history.ts';

/** What the page shows now. Rates are bits per second, times milliseconds since 1970. */
export interface PageView {
  /** When the last second ended that the history has. */
  readonly timeMs: number;
  readonly version: string;
  readonly ready: boolean;
  readonly mode: ClientStatus['mode'];
  readonly session: ClientStatus['session']['state'];
  readonly sessionSinceMs: number | null;
  /** Whether new connections go directly because the concentrator cannot be reached. */
  readonly isFallback: boolean;
  /** How connections are steered for which no rule says otherwise. */
  readonly steering: string;
  /** Changes that the next start forgets. */
  readonly held: readonly string[];
  /** Connections of applications, whatever way they go. */
  readonly connections: number;
  readonly uplinks: readonly UplinkView[];
  readonly sum: UplinkRate;
  /** What the best uplink alone would have given of the sum; null while nothing is carried. */
  readonly best: { readonly down: BestUplink | null; readonly up: BestUplink | null };
  readonly leftOut: ClientStatus['leftOut'];
}

export interface UplinkView extends UplinkRate {
  readonly name: string;
  readonly state: UplinkReport['state'];
  readonly reason: string;
  readonly sinceMs: number;
  readonly isBackup: boolean;
  /** Smoothed, queues included; how long connections take to be made, where there is no session. Null until measured. */
  readonly rttMs: number | null;
  readonly minRttMs: number | null;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Connections past the concentrator. */
  readonly directConnections: number;
  readonly caps: readonly CapView[];
}

export interface CapView {
  readonly period: MeteredReport['period'];
  readonly usedBytes: number;
  readonly capBytes: number | null;
  readonly untilMs: number;
}

/** The best uplink of one direction. */
interface BestUplink {
  readonly name: string;
  readonly bitsPerSecond: number;
}

/** Below it there is nothing to compare, only what keeps subflows alive. */
const LEAST_COMPARED_BITS_PER_SECOND = 200_000;

/** An uplink in another state would carry nothing now. */
const WORKS: ReadonlySet<UplinkReport['state']> = new Set(['in-use', 'backup', 'waiting']);

export function pageView(
  status: ClientStatus,
  history: UplinkHistory,
  held: readonly string[] = [],
): PageView {
  const uplinks = status.uplinks.map((uplink) => uplinkView(uplink, history.rateOf(uplink.name)));
  const sum = { down: sumOf(uplinks, 'down'), up: sumOf(uplinks, 'up') };
  return {
    timeMs: history.lastMs,
    version: status.version,
    ready: status.ready,
    mode: status.mode,
    session: status.session.state,
    sessionSinceMs: status.session.since === null ? null : Date.parse(status.session.since),
    isFallback: status.fallback.active,
    steering: status.steering.default,
    held,
    connections: status.socksConnections + status.transparentConnections,
    uplinks,
    sum,
    best: {
      down: bestOf(status.uplinks, sum.down, ({ name }) => history.peakOf(name).down),
      // Only of what this end sends is the rate of delivery known here.
      up: bestOf(status.uplinks, sum.up, ({ name, rateBitsPerSecond }) =>
        Math.max(history.peakOf(name).up, rateBitsPerSecond ?? 0),
      ),
    },
    leftOut: status.leftOut,
  };
}

function uplinkView(uplink: UplinkReport, rate: UplinkRate): UplinkView {
  const { name, state, reason, since, backup, direct, metered, minRttMs } = uplink;
  return {
    ...{ name, state, reason, minRttMs },
    ...{ down: Math.round(rate.down), up: Math.round(rate.up) },
    sinceMs: Date.parse(since),
    isBackup: backup,
    rttMs: uplink.rttMs ?? direct.connectMs,
    sentBytes: uplink.sentBytes + direct.sentBytes,
    receivedBytes: uplink.receivedBytes + direct.receivedBytes,
    directConnections: direct.connections,
    caps: (metered ?? []).map(({ period, sentBytes, receivedBytes, capBytes, until }) => ({
      ...{ period, capBytes },
      usedBytes: sentBytes + receivedBytes,
      untilMs: Date.parse(until),
    })),
  };
}

function sumOf(uplinks: readonly UplinkRate[], direction: keyof UplinkRate): number {
  return uplinks.reduce((sum, uplink) => sum + uplink[direction], 0);
}

/** Alone, the best uplink would have carried what it can, and no more than was asked of all. */
function bestOf(
  uplinks: readonly UplinkReport[],
  sum: number,
  ability: (uplink: UplinkReport) => number,
): BestUplink | null {
  if (sum < LEAST_COMPARED_BITS_PER_SECOND) return null;
  let best: BestUplink | null = null;
  for (const uplink of uplinks) {
    if (!WORKS.has(uplink.state)) continue;
    const bitsPerSecond = Math.round(Math.min(sum, ability(uplink)));
    if (bitsPerSecond > (best?.bitsPerSecond ?? 0)) best = { name: uplink.name, bitsPerSecond };
  }
  return best;
}
