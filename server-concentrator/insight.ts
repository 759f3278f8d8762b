import { Registry } from 'prom-client';
import type { DelayCounts } from '../shared/protocol/delay-counts.ts';
import type { DelayRecord } from '../shared/protocol/stream/stream-delays.ts';
import type { PacketTable } from '../shared/runtime/datagram/packet-table.ts';
import { registerBuildInfo } from '../shared/runtime/observe/build-info.ts';
import type { DatagramTotals } from '../shared/runtime/observe/datagram-totals.ts';
import { type Health, HttpEndpoint } from '../shared/runtime/observe/http-endpoint.ts';
import { type PeerLosses, registerPeerLosses } from '../shared/runtime/observe/peer-losses.ts';
import type { ProcessWatch } from '../shared/runtime/observe/process-watch.ts';
import type { ResentBytes } from '../shared/runtime/observe/resent-bytes.ts';
import { registerSessionMetrics } from '../shared/runtime/observe/session-metrics.ts';
import type { ProgramDeps } from '../shared/runtime/process/process-deps.ts';
import type { TrafficTable } from '../shared/runtime/session/uplink-traffic.ts';
import type { ClientKeeper } from './client-keeper.ts';
import { registerClientMetrics } from './client-metrics.ts';
import type { ClientList } from './clients/client-list.ts';
import { type ConcentratorCounts, registerConcentratorMetrics } from './concentrator-metrics.ts';
import type { ConcentratorConfig } from './config/concentrator-config.ts';
import type { StrangerCounts } from './datagram/datagram-port.ts';
import type { OriginDatagrams } from './datagram/origin-datagrams.ts';
import { registerOriginDatagrams } from './datagram-metrics.ts';
import type { LimitHits } from './limits/limit-hits.ts';
import { makePage } from './page/make-page.ts';
import type { PageFeedOptions } from './page/page-feed.ts';
import type { PublishedPorts } from './publish/published-ports.ts';
import type { MemoryLevels } from './session/memory-levels.ts';
import type { SessionRegistry } from './session/session-registry.ts';
import { type ConcentratorStatus, concentratorStatus } from './status/concentrator-status.ts';
import { concentratorStatusText } from './status/concentrator-status-text.ts';
import type { UsageKeeping } from './usage/usage-keeper.ts';
import type { UsageMeters } from './usage/usage-meters.ts';

/** What can be seen of a concentrator; it reads the parts when it is asked. */
export interface Insight {
  readonly registry: Registry;
  ready(): Health;
  status(): ConcentratorStatus | Promise<ConcentratorStatus>;
  /** What the page is made of. */
  readonly view: PageFeedOptions;
}

/** Of one process. */
export function makeInsight(
  { limits, datagrams }: Pick<ConcentratorConfig, 'limits' | 'datagrams'>,
  deps: Omit<ProgramDeps, 'random'>,
  parts: {
    readonly counts: ConcentratorCounts;
    readonly resent: ResentBytes;
    readonly openTimes: DelayCounts;
    readonly delays: DelayRecord;
    readonly datagramTotals: DatagramTotals;
    readonly packetTable: PacketTable;
    readonly origins: OriginDatagrams;
    readonly strangers: StrangerCounts;
    readonly traffic: TrafficTable;
    readonly peerLosses: PeerLosses;
    readonly memory: MemoryLevels;
    readonly sessions: SessionRegistry;
    readonly published: PublishedPorts;
    readonly watch: ProcessWatch;
    readonly descriptors: number;
    readonly clients: ClientList;
    readonly clientKeeper: ClientKeeper;
    readonly meters: UsageMeters;
    readonly usageKeeper: UsageKeeping;
    readonly limitHits: LimitHits;
  },
): Insight & { status(): ConcentratorStatus } {
  const { counts, memory, sessions, published, watch, descriptors } = parts;
  const registry = new Registry();
  registerBuildInfo(registry, deps);
  registerSessionMetrics(registry, { ...parts, drivers: () => sessions.drivers });
  registerConcentratorMetrics(registry, counts, memory, published);
  registerOriginDatagrams(registry, { ...parts, drivers: () => sessions.drivers });
  const isListThere = () => parts.clientKeeper.trouble === undefined;
  registerClientMetrics(registry, { ...parts, isListThere });
  registerPeerLosses(registry, parts.peerLosses);
  watch.register(registry);
  const list = () => ({ known: parts.clients.count, trouble: parts.clientKeeper.trouble });
  return {
    registry,
    ready: () => ({
      ok: !sessions.isDraining,
      reasons: sessions.isDraining ? ['shutting down'] : [],
    }),
    status: () => {
      const { isDraining, all } = sessions;
      const told = { list: list(), limits, datagrams, descriptors, sessions: all, published: published.all };
      return concentratorStatus({ ...deps, isReady: !isDraining, ...told });
    },
    view: {
      ...deps,
      ...parts,
      sessions: () => sessions.all,
      isReady: () => !sessions.isDraining,
      list,
      entryOf: (clientId) => parts.clients.get(clientId),
      usedBytes: (clientId) => parts.usageKeeper.usedBytes(clientId),
      flows: () => parts.origins.flowCount,
    },
  };
}

/** Metrics, readiness, status and the page. @param allMetrics where they are more than those of the registry */
export function makeEndpoint(
  { metrics }: Pick<ConcentratorConfig, 'metrics'>,
  insight: Insight,
  allMetrics?: () => Promise<string>,
): HttpEndpoint<ConcentratorStatus> {
  return new HttpEndpoint({
    listen: metrics?.listen,
    hosts: metrics?.hosts,
    registry: insight.registry,
    metrics: allMetrics,
    ready: () => insight.ready(),
    status: () => insight.status(),
    statusText: concentratorStatusText,
    pages: makePage(metrics, insight.view),
  });
}
