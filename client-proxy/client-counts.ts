import { DelayRecord } from '../shared/protocol/stream/stream-delays.ts';
import { PacketTable } from '../shared/runtime/datagram/packet-table.ts';
import type { NativeSockets } from '../shared/runtime/kernel/native.ts';
import { NamedTable } from '../shared/runtime/named-table.ts';
import { DatagramTotals } from '../shared/runtime/observe/datagram-totals.ts';
import { PeerLosses } from '../shared/runtime/observe/peer-losses.ts';
import { ResentBytes } from '../shared/runtime/observe/resent-bytes.ts';
import { ResultCounts } from '../shared/runtime/observe/result-counts.ts';
import { openTimes } from '../shared/runtime/observe/stream-delay-metrics.ts';
import { TrafficTable } from '../shared/runtime/session/uplink-traffic.ts';
import { DatagramCounts } from './datagram/datagram-counts.ts';
import type { AttemptResult } from './direct/uplink-race.ts';
import { WireTable } from './metering/wire-table.ts';
import { LostConnections } from './status/lost-connections.ts';
import type { DirectReason } from './steering/datagram-decision.ts';
import type { SteeringAction } from './steering/steering-rule.ts';

/** How often subflows of an uplink were dialled. */
export interface DialCounts {
  ok: number;
  failed: number;
}

/** How often connections were tried over an uplink because it was chosen among several. */
export type DirectAttempts = Record<AttemptResult, number>;

/** What is counted as it happens at the client; the metrics read it when they are scraped. */
export class ClientCounts {
  /** Attempts to bring up a subflow, by the name of the uplink. */
  readonly dials: NamedTable<DialCounts>;
  /** Streams that applications asked for, by result. */
  readonly opens = new ResultCounts('ok');
  /** Connections that applications have waited for, by result. */
  readonly binds = new ResultCounts('ok');
  /** Visitors of published services, by result. */
  readonly inbound = new ResultCounts('ok');
  /** Connections past the concentrator, by result. */
  readonly directOpens = new ResultCounts('ok');
  /** Connections past the concentrator, by why they went there. */
  readonly directReasons: Record<DirectReason, number> = {
    rule: 0,
    fallback: 0,
    waited: 0,
    mode: 0,
  };
  /** By the name of the uplink. */
  readonly directAttempts: NamedTable<DirectAttempts>;
  /** Questions of applications for an address or a name, by result. */
  readonly lookups = new ResultCounts('ok');
  /** UDP associations that applications asked for, by result. */
  readonly associates = new ResultCounts('ok');
  readonly datagrams = new DatagramCounts();
  readonly lost: LostConnections;
  /** Requests, by what the rules have decided. */
  readonly decisions: Record<SteeringAction['kind'], number> = { steer: 0, direct: 0, block: 0 };

  /** @param maxUplinks further uplinks are counted together */
  constructor(maxUplinks: number) {
    this.dials = new NamedTable(maxUplinks, () => ({ ok: 0, failed: 0 }));
    this.directAttempts = new NamedTable(maxUplinks, () => ({ ok: 0, late: 0, failed: 0 }));
    this.lost = new LostConnections(maxUplinks);
  }
}

/**
 * What is counted as it happens, for the metrics and the status.
 * @param maxUplinks further uplinks are counted together
 * @param isPresent whether there is an uplink of this name
 */
export function makeCounters(
  native: NativeSockets | undefined,
  maxUplinks: number,
  isPresent: (uplinkName: string) => boolean,
) {
  return {
    counts: new ClientCounts(maxUplinks),
    resent: new ResentBytes(),
    openTimes: openTimes(),
    delays: new DelayRecord(),
    datagramTotals: new DatagramTotals(maxUplinks),
    packetTable: new PacketTable(maxUplinks),
    traffic: new TrafficTable(maxUplinks),
    directTraffic: new TrafficTable(maxUplinks),
    wires: new WireTable(native, maxUplinks, isPresent),
    peerLosses: new PeerLosses(),
  };
}

export type Counters = ReturnType<typeof makeCounters>;
