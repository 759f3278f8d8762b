import { Registry } from 'prom-client';
import { registerBuildInfo } from '../shared/runtime/observe/build-info.ts';
import { HttpEndpoint } from '../shared/runtime/observe/http-endpoint.ts';
import { registerPeerLosses } from '../shared/runtime/observe/peer-losses.ts';
import type { ProcessWatch } from '../shared/runtime/observe/process-watch.ts';
import { registerSessionMetrics } from '../shared/runtime/observe/session-metrics.ts';
import type { ProgramDeps } from '../shared/runtime/process/process-deps.ts';
import type { Counters } from './client-counts.ts';
import { type ClientMetricsSource, registerClientMetrics } from './client-metrics.ts';
import { registerConcentratorMetrics } from './concentrators/concentrator-metrics.ts';
import { publishedBy, stateOf } from './concentrators/concentrator-report.ts';
import type { Concentrators } from './concentrators/concentrators.ts';
import type { ClientConfig } from './config/client-config.ts';
import { ConnectionTable } from './connections/connection-table.ts';
import { listConnections } from './connections/list-connections.ts';
import type { DatagramRelay } from './datagram/datagram-relay.ts';
import { registerDatagramMetrics } from './datagram-metrics.ts';
import type { Direct } from './direct-connecting.ts';
import type { ApplicationPoints } from './front/application-points.ts';
import { registerMeteringMetrics } from './metering/metering-metrics.ts';
import type { ConcentratorChanges } from './page/history/concentrator-changes.ts';
import type { HistoryKeeper } from './page/history/history-keeper.ts';
import type { StateChanges } from './page/history/state-changes.ts';
import { makePage } from './page/make-page.ts';
import type { PageFeed } from './page/page-feed.ts';
import type { PageSettings } from './page/settings.ts';
import type { SpeedTests } from './speedtest/speed-tests.ts';
import { clientReadiness } from './status/client-readiness.ts';
import { type ClientStatus, type ClientStatusSource, clientStatus } from './status/client-status.ts';
import { clientStatusText } from './status/client-status-text.ts';
import type { Steering } from './steering/steering.ts';
import { registerTransparentMetrics } from './transparent/transparent-metrics.ts';

/** What the client's endpoint serves. */
interface Observed {
  readonly endpoint: HttpEndpoint<ClientStatus>;
  /** Absent: there is no endpoint. */
  readonly pageFeed: PageFeed | undefined;
}

/** How UDP passes on each uplink, whether caps are reached, and how each concentrator is. */
function conditionsOf({
  concentrators,
  metering,
}: Pick<ClientStatusSource, 'concentrators' | 'metering'>): string {
  const paths = concentrators.drivers.flatMap((driver) => driver.snapshot().datagrams.paths);
  return JSON.stringify([
    ...paths.map(({ uplink, state }) => [uplink, state]),
    ...metering.meters.map(({ name, verdict }) => [name, verdict]),
    ...concentrators.members.map((member) => [member.name, stateOf(member), member.isStanding]),
  ]);
}

/** Metrics, readiness, status and the page; they read the parts when they are asked. */
export function makeEndpoint(
  { metrics }: ClientConfig,
  { balance, opener, connections: directConnections }: Direct,
  parts: Omit<ClientStatusSource, 'directConnections' | 'directMeasure'> &
    Counters &
    Pick<ClientMetricsSource, 'fallback'> &
    Pick<ProgramDeps, 'version' | 'nodeVersion' | 'logger'> & {
      readonly concentrators: Concentrators;
      readonly datagrams: Pick<DatagramRelay, 'associationCount' | 'flowCount' | 'applications'>;
      readonly steering: Steering;
      readonly watch: ProcessWatch;
      readonly points: ApplicationPoints;
      readonly changes: StateChanges;
      readonly concentratorChanges: ConcentratorChanges;
      readonly settings: PageSettings['settings'];
      readonly speedTests: SpeedTests;
      /** Absent where there is no endpoint. */
      readonly pageHistory: HistoryKeeper | undefined;
    },
): Observed {
  const registry = new Registry();
  const directMeasure = (uplinkName: string) => balance.measureOf(uplinkName);
  const source = { ...parts, directConnections, directMeasure };
  const { concentrators, uplinkStatus, points, front, transparent, metering } = source;
  registerBuildInfo(registry, source);
  registerSessionMetrics(registry, { ...source, drivers: () => concentrators.drivers });
  registerClientMetrics(registry, {
    ...source,
    uplinks: uplinkStatus,
    front: () => front.counters,
    published: () => publishedBy(concentrators),
    refusedByAddress: () => points.gate.refused,
  });
  registerConcentratorMetrics(registry, concentrators);
  registerDatagramMetrics(registry, source.counts, source.datagrams);
  registerTransparentMetrics(registry, () => transparent?.server.counters);
  registerPeerLosses(registry, source.peerLosses);
  registerMeteringMetrics(registry, {
    ...source,
    meters: () => metering.meters,
    plans: () => metering.plans,
  });
  source.watch.register(registry);
  const status = () => clientStatus(source);
  const { pageHistory } = source;
  const connections = new ConnectionTable(() => listConnections({ ...source, direct: opener }), source.clock);
  const told = { status, connections, conditions: () => conditionsOf(source) };
  const page = metrics && pageHistory && makePage(metrics, { ...source, ...told, keeper: pageHistory });
  const endpoint = new HttpEndpoint({
    listen: metrics?.listen,
    hosts: metrics?.hosts,
    registry,
    ready: () => clientReadiness(source),
    status,
    statusText: clientStatusText,
    pages: page?.pages,
  });
  return { endpoint, pageFeed: page?.feed };
}
