import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { Session } from '../../../shared/protocol/session/session.ts';
import type { SessionSnapshot } from '../../../shared/protocol/session/snapshot.ts';
import { PacketTable } from '../../../shared/runtime/datagram/packet-table.ts';
import { DatagramTotals } from '../../../shared/runtime/observe/datagram-totals.ts';
import { ResentBytes } from '../../../shared/runtime/observe/resent-bytes.ts';
import { registerSessionMetrics } from '../../../shared/runtime/observe/session-metrics.ts';
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
    ...noDatagrams(),
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
  const source = { ...noDatagrams(), traffic: new TrafficTable(1), resent: new ResentBytes() };
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
  registerSessionMetrics(registry, { ...noDatagrams(), drivers, traffic: new TrafficTable(1), resent });
  const text = await registry.metrics();
  expect(text).toContain('tributary_reinjected_bytes_total{kind="lost"} 4320\n');
  expect(text).toContain('tributary_reinjected_bytes_total{kind="copy"} 3\n');
  expect(text).toContain('tributary_reinjected_bytes_total{kind="redundant"} 0\n');
});

function noDatagrams() {
  return { datagramTotals: new DatagramTotals(1), packetTable: new PacketTable(1) };
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
