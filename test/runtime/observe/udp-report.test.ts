import { expect, it } from 'vitest';
import type { PathSnapshot, PathState } from '../../../shared/protocol/datagram/path/path-snapshot.ts';
import { reportUdp, udpTable } from '../../../shared/runtime/observe/udp-report.ts';

function driver(...paths: readonly (readonly [uplink: string, state: PathState, rttMs?: number])[]) {
  const all = paths.map(
    ([uplink, state, rttMs], path): PathSnapshot => ({
      ...{ path, uplink, state, rttMs, jitterMs: rttMs && 3.0901, lossShare: 0.012345 },
      ...{ sentPackets: 10, sentBytes: 1_000, lostPackets: 1 },
      ...{ deliveredBytesPerSecond: 20_000, maxPacketBytes: 1_200 },
    }),
  );
  return { snapshot: () => ({ datagrams: { paths: all } }) as never };
}

it('tells the best path of an uplink, and nothing of one that has none', () => {
  const drivers = [driver(['lte', 'silent', 80]), driver(['dsl', 'unvalidated'], ['lte', 'working', 40.04])];
  expect(reportUdp(drivers, 'lte')).toEqual({
    ...{ state: 'working', reason: 'packets pass', rttMs: 40, jitterMs: 3.1, lossRatio: 0.0123 },
    ...{ sentPackets: 10, lostPackets: 1, deliveredBitsPerSecond: 160_000, packetBytes: 1_200 },
  });
  expect(reportUdp(drivers, 'dsl')).toMatchObject({ state: 'unvalidated', rttMs: null, jitterMs: null });
  expect(reportUdp(drivers, 'sat')).toBeNull();
  const rows = ['lte', 'dsl', 'sat'].map((name) => ({ name, udp: reportUdp(drivers, name) }));
  expect(udpTable(rows)).toMatch(/^lte +working +40 ms +3\.1 ms +1\.2 % +160kbit\/s +1200 B +packets pass$/m);
  expect(udpTable(rows)).toMatch(/^dsl +unvalidated +- +- .*UDP is blocked on the way/m);
  expect(udpTable([{ name: 'sat', udp: null }])).toBe('');
});
