import type { ClientCounts } from '../../client-proxy/client-counts.ts';
import type { ClientMetricsSource } from '../../client-proxy/client-metrics.ts';
import { UplinkMeasure } from '../../client-proxy/direct/balance/uplink-measure.ts';
import { TrafficTable } from '../../shared/runtime/session/uplink-traffic.ts';

/** What a client that does nothing has to tell of itself, but for these counts. */
export function quietMetrics(counts: ClientCounts): ClientMetricsSource {
  return {
    counts,
    uplinks: () => [],
    front: () => ({
      accepted: 0,
      active: 0,
      refused: 0,
      failedNegotiation: {} as never,
      requests: {} as never,
    }),
    published: () => [],
    refusedByAddress: () => 0,
    directTraffic: new TrafficTable(1),
    fallback: { isActive: false, begunCount: 0 },
    directMeasure: () => new UplinkMeasure(),
  };
}
