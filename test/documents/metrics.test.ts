import { pino } from 'pino';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { ClientCounts } from '../../client-proxy/client-counts.ts';
import { registerClientMetrics } from '../../client-proxy/client-metrics.ts';
import { registerConcentratorMetrics as registerKnownConcentrators } from '../../client-proxy/concentrators/concentrator-metrics.ts';
import { DATAGRAM_DROPS } from '../../client-proxy/datagram/datagram-counts.ts';
import { registerDatagramMetrics } from '../../client-proxy/datagram-metrics.ts';
import { registerMeteringMetrics } from '../../client-proxy/metering/metering-metrics.ts';
import { WireTable } from '../../client-proxy/metering/wire-table.ts';
import { UPLINK_STATES } from '../../client-proxy/path-manager/uplink-status.ts';
import { registerTransparentMetrics } from '../../client-proxy/transparent/transparent-metrics.ts';
import { registerWorkers } from '../../server-concentrator/all-workers.ts';
import { registerClientMetrics as registerMetricsOfClients } from '../../server-concentrator/client-metrics.ts';
import {
  ConcentratorCounts,
  registerConcentratorMetrics,
} from '../../server-concentrator/concentrator-metrics.ts';
import { DatagramCounts, ORIGIN_DROPS } from '../../server-concentrator/datagram/datagram-counts.ts';
import { registerOriginDatagrams } from '../../server-concentrator/datagram-metrics.ts';
import { LIMIT_NAMES } from '../../server-concentrator/limits/limit-hits.ts';
import { MemoryLevels } from '../../server-concentrator/session/memory-levels.ts';
import { UsageMeters } from '../../server-concentrator/usage/usage-meters.ts';
import { newDatagramCounters } from '../../shared/protocol/datagram/datagram-counters.ts';
import { DelayRecord } from '../../shared/protocol/stream/stream-delays.ts';
import { PacketTable } from '../../shared/runtime/datagram/packet-table.ts';
import { PACKET_DROPS } from '../../shared/runtime/datagram/session-packets.ts';
import { registerBuildInfo } from '../../shared/runtime/observe/build-info.ts';
import { DatagramTotals } from '../../shared/runtime/observe/datagram-totals.ts';
import { HttpEndpoint } from '../../shared/runtime/observe/http-endpoint.ts';
import { PeerLosses, registerPeerLosses } from '../../shared/runtime/observe/peer-losses.ts';
import { ProcessWatch } from '../../shared/runtime/observe/process-watch.ts';
import { ResentBytes } from '../../shared/runtime/observe/resent-bytes.ts';
import { registerSessionMetrics } from '../../shared/runtime/observe/session-metrics.ts';
import { openTimes } from '../../shared/runtime/observe/stream-delay-metrics.ts';
import { TrafficTable } from '../../shared/runtime/session/uplink-traffic.ts';
import { quietMetrics } from '../support/quiet-metrics.ts';
import { code, codes, projectFile, tableRows } from './markdown.ts';

/** The names of our own metrics, with those that both programs have. */
function exported(registerOwn: (registry: Registry) => void): string[] {
  const registry = new Registry();
  registerBuildInfo(registry, { version: '1', nodeVersion: '1' });
  new ProcessWatch({ logger: pino({ enabled: false }), clock: () => 0 }).register(registry);
  registerSessionMetrics(registry, {
    drivers: () => [],
    traffic: new TrafficTable(1),
    resent: new ResentBytes(),
    openTimes: openTimes(),
    delays: new DelayRecord(),
    datagramTotals: new DatagramTotals(1),
    packetTable: new PacketTable(1),
  });
  // It counts requests itself.
  new HttpEndpoint({
    listen: undefined,
    registry,
    ready: () => ({ ok: true, reasons: [] }),
    status: () => ({}),
    statusText: () => '',
  });
  registerPeerLosses(registry, new PeerLosses());
  registerOwn(registry);
  return registry
    .getMetricsAsArray()
    .map(({ name }) => name)
    .filter((name) => name.startsWith('tributary_'));
}

const atClient = exported((registry) => {
  registerKnownConcentrators(registry, {
    ...{ members: [], chosen: undefined, changeCount: 0, flowCountOf: () => 0 },
  });
  registerClientMetrics(registry, quietMetrics(new ClientCounts(1)));
  registerDatagramMetrics(registry, new ClientCounts(1), { associationCount: 0, flowCount: 0 });
  registerTransparentMetrics(registry, () => undefined);
  registerMeteringMetrics(registry, {
    wires: new WireTable(undefined, 1),
    meters: () => [],
    plans: () => new Map(),
  });
});
const atConcentrator = exported((registry) => {
  const memory = { memoryTotalBytes: 1, memoryPerClientBytes: 1, memoryPerSessionBytes: 1 };
  const published = { all: [], singleVisitors: 0 };
  registerWorkers({ registry, pool: { workers: [] }, placement: { workers: [] } });
  registerConcentratorMetrics(registry, new ConcentratorCounts(), new MemoryLevels(memory), published);
  registerMetricsOfClients(registry, {
    clients: { count: 0, get: () => undefined },
    meters: new UsageMeters(1),
    usageKeeper: { usedBytes: () => 0 },
    isListThere: () => true,
  });
  registerOriginDatagrams(registry, {
    origins: { associationCount: 0, flowCount: 0, counts: new DatagramCounts() },
    strangers: { short: 0, unknown: 0 },
    datagramTotals: new DatagramTotals(1),
    drivers: () => [],
  });
});

describe('the metrics of docs/observability.md', async () => {
  const page = await projectFile('docs/observability.md');
  const rows = tableRows(page, '## Metrics');
  const described = (program: 'client' | 'concentrator') =>
    rows.filter(([, at]) => at === program || at === 'both').map(([name]) => code(name));

  it.each([
    { program: 'client', names: atClient },
    { program: 'concentrator', names: atConcentrator },
  ] as const)('has those of the $program, and no other', ({ program, names }) => {
    expect(described(program).sort()).toEqual([...names].sort());
  });

  it('says "both" for those that both have', () => {
    const common = atClient.filter((name) => atConcentrator.includes(name));
    expect(
      rows
        .filter(([, at]) => at === 'both')
        .map(([name]) => code(name))
        .sort(),
    ).toEqual(common.sort());
  });

  it('have the states of an uplink, which the page explains', () => {
    const states = [...UPLINK_STATES].sort();
    const explained = tableRows(page, '## The command status').map(([state]) => code(state));
    const labels = codes(rows.find(([name]) => code(name) === 'tributary_uplink_state')?.[2] ?? '');
    expect(explained.sort()).toEqual(states);
    expect(labels.filter((label) => label !== 'uplink' && label !== 'state').sort()).toEqual(states);
  });

  it('have the reasons for which datagrams are dropped, which the page explains', () => {
    const session = Object.keys(newDatagramCounters().drops);
    const all = [DATAGRAM_DROPS, ORIGIN_DROPS, session, PACKET_DROPS].flat();
    expect(
      tableRows(page, '### Dropped datagrams')
        .map(([reason]) => code(reason))
        .sort(),
    ).toEqual(all.sort());
  });

  it('have limits, each of which is a key of the configuration or is explained', async () => {
    const configuration = await projectFile('docs/configuration.md');
    const keys = tableRows(configuration, '## Concentrator').map(([key]) => code(key)?.split('.')[1]);
    const explained = tableRows(page, '### Limits that are reached').map(([limit]) => code(limit));
    expect(explained.sort()).toEqual(LIMIT_NAMES.filter((name) => !keys.includes(name)).sort());
  });
});
