import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { Session } from '../../../shared/protocol/session/session.ts';
import type { SessionSnapshot } from '../../../shared/protocol/session/snapshot.ts';
import { DelayRecord } from '../../../shared/protocol/stream/stream-delays.ts';
import { PacketTable } from '../../../shared/runtime/datagram/packet-table.ts';
import { DatagramTotals } from '../../../shared/runtime/observe/datagram-totals.ts';
import { ResentBytes } from '../../../shared/runtime/observe/resent-bytes.ts';
import { registerSessionMetrics } from '../../../shared/runtime/observe/session-metrics.ts';
import { openTimes } from '../../../shared/runtime/observe/stream-delay-metrics.ts';
import { TrafficTable } from '../../../shared/runtime/session/uplink-traffic.ts';

it('tells of each subflow its state once, and which uplinks are parked', async () => {
  const session = newSession();
  const traffic = new TrafficTable(4);
  for (const [id, uplinkName] of ['dsl', 'dsl', 'lte', 'wifi', 'wifi'].entries()) {
    traffic.of(uplinkName);
    session.subflows.add({ id, uplinkName, isBackup: false });
  }
  session.subflows.doubt(0, 'its interface is down');
  session.subflows.retire(1);
  const { subflows: all, ...rest } = session.snapshot();
  const snapshot = {
    ...rest,
    subflows: all.map((subflow) => ({ ...subflow, isParked: subflow.uplinkName === 'wifi' })),
  };
  const driver = { snapshot: () => snapshot };
  const registry = new Registry();
  registerSessionMetrics(registry, {
    ...noTraffic(),
    drivers: () => [driver],
    traffic,
    resent: new ResentBytes(),
  });
  const text = await registry.metrics();
  const subflows = [...text.matchAll(/^tributary_subflows\{uplink="(\w+)",state="(\w+)"\} ([1-9]\d*)$/gm)];
  expect(subflows.map(([, ...fields]) => fields.join(' '))).toEqual([
    'dsl doubted 1',
    'dsl retiring 1',
    'lte active 1',
    'wifi parked 2',
  ]);
  const parked = [...text.matchAll(/^tributary_uplink_parked\{uplink="(\w+)",reason="(\w+)"\} (\d+)$/gm)];
  expect(parked.map(([, uplink, , count]) => `${uplink} ${count}`)).toEqual(['dsl 0', 'lte 0', 'wifi 1']);
});

it('counts no session that has ended and waits for its last turn', async () => {
  const sessions = [newSession(), newSession()];
  const registry = new Registry();
  const source = { ...noTraffic(), traffic: new TrafficTable(1), resent: new ResentBytes() };
  registerSessionMetrics(registry, { drivers: () => sessions, ...source });
  expect(await registry.metrics()).toContain('tributary_sessions 2\n');
  sessions[0]!.close('uplinksLost');
  expect(await registry.metrics()).toContain('tributary_sessions 1\n');
});

it('keeps the bytes that ended sessions sent more than once', async () => {
  const session = (reinjectedBytes: number) => {
    const snapshot = {
      datagrams: newSession().snapshot().datagrams,
      subflows: [],
      reorderBytes: 0,
      statistics: { reinjectedBytes, copiedBytes: 1, redundantBytes: 0 },
    };
    return { snapshot: () => snapshot as unknown as SessionSnapshot };
  };
  const resent = new ResentBytes();
  resent.onSessionEnded(session(20));
  resent.onSessionEnded(session(300));
  const registry = new Registry();
  const drivers = () => [session(4_000)];
  registerSessionMetrics(registry, { ...noTraffic(), drivers, traffic: new TrafficTable(1), resent });
  const text = await registry.metrics();
  expect(text).toContain('tributary_reinjected_bytes_total{kind="lost"} 4320\n');
  expect(text).toContain('tributary_reinjected_bytes_total{kind="copy"} 3\n');
  expect(text).toContain('tributary_reinjected_bytes_total{kind="redundant"} 0\n');
});

it('tells how long streams took to be opened, and their bytes to be sent, received and sent again', async () => {
  const registry = new Registry();
  const source = { ...noTraffic(), traffic: new TrafficTable(1), resent: new ResentBytes() };
  registerSessionMetrics(registry, { drivers: () => [], ...source });
  for (const ms of [4, 30, 30, 60_000]) source.openTimes.add(ms);
  source.delays.queueing.add(1.5);
  source.delays.reorder.add(80);
  source.delays.reinjection.lost.add(300);
  const text = await registry.metrics();
  expect(text).toContain('# TYPE tributary_stream_open_seconds histogram');
  for (const [le, count] of Object.entries({ '0.005': 1, '0.02': 1, '0.05': 3, '10': 3, '+Inf': 4 }))
    expect(text).toContain(`tributary_stream_open_seconds_bucket{le="${le}"} ${count}\n`);
  expect(text).toContain('tributary_stream_open_seconds_sum 60.064\n');
  expect(text).toContain('tributary_stream_open_seconds_count 4\n');
  expect(text).toContain('tributary_stream_queueing_seconds_bucket{le="0.001"} 0\n');
  expect(text).toContain('tributary_stream_queueing_seconds_bucket{le="0.002"} 1\n');
  expect(text).toContain('tributary_stream_reorder_seconds_sum 0.08\n');
  expect(text).toContain('tributary_stream_reinjection_seconds_bucket{kind="lost",le="0.5"} 1\n');
  expect(text).toContain('tributary_stream_reinjection_seconds_count{kind="copy"} 0\n');
});

/** What a program without datagrams and streams has. */
function noTraffic() {
  return {
    datagramTotals: new DatagramTotals(1),
    packetTable: new PacketTable(1),
    openTimes: openTimes(),
    delays: new DelayRecord(),
  };
}

function newSession(): Session {
  return new Session({
    role: 'client',
    maxStreams: 4,
    firstWindowBytes: 0,
    lingerMs: 1_000,
    memory: new MemoryBudget(1e6),
    nowMs: 0,
  });
}
