import { expect, it } from 'vitest';
import type { ConcentratorLimits } from '../../../server-concentrator/config/concentrator-config.ts';
import { concentratorStatus } from '../../../server-concentrator/status/concentrator-status.ts';
import { concentratorStatusText } from '../../../server-concentrator/status/concentrator-status-text.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { Session } from '../../../shared/protocol/session/session.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';

const LIMITS: ConcentratorLimits = {
  sessions: 256,
  sessionsPerClient: 8,
  streamsPerSession: 4_096,
  subflowsPerSession: 32,
  opensPerSecond: 200,
  dialsPerClient: 256,
  namesPerClient: 64,
  joinsPerSecond: 16,
  publishPerClient: 64,
  bindsPerClient: 16,
  visitorsPerClient: 1_024,
  visitorsPerSecond: 200,
  measurementBytesPerHour: 0,
  memoryPerSessionBytes: 2 ** 26,
  memoryPerClientBytes: 2 ** 27,
  memoryTotalBytes: 2 ** 29,
  handshakeTimeoutMs: 10_000,
  handshakesPerSecond: 400,
  streamIdleTimeoutMs: 1e9,
  drainTimeoutMs: 30_000,
};

const DATAGRAMS = {
  enabled: true,
  flowsPerClient: 1_024,
  associationsPerClient: 256,
  associations: 4_096,
  idleTimeoutMs: 300_000,
};

/** A session that began at 1000 on its clock, which shows 61000 now. */
function bed(...uplinks: readonly string[]) {
  const session = new Session({
    role: 'concentrator',
    maxStreams: 4,
    firstWindowBytes: 0,
    lingerMs: 1_000,
    memory: new MemoryBudget(1e6),
    nowMs: 1_000,
  });
  for (const [id, uplinkName] of uplinks.entries())
    session.subflows.add({ id, uplinkName, isBackup: uplinkName === 'sat' });
  const driver = {
    snapshot() {
      const { subflows, ...rest } = session.snapshot();
      const asTold = subflows.map((one) => ({ ...one, isParked: one.uplinkName === 'wifi' }));
      return { ...rest, subflows: asTold };
    },
    startedMs: 1_000,
    linkOf: () => ({
      local: { host: '192.0.2.1', port: 8443 },
      remote: { host: '2001:db8::5', port: 40_000 },
      sinceMs: 31_000,
      doubtReason: 'silent for 300 ms',
    }),
    parkReasonOf: () => 'holds up the rest',
  } as unknown as SessionDriver;
  const report = () =>
    concentratorStatus({
      version: '1.2.3',
      isReady: true,
      list: { known: 3, trouble: undefined },
      limits: LIMITS,
      datagrams: DATAGRAMS,
      published: [],
      descriptors: 1_024,
      clock: () => 61_000,
      wallClock: () => Date.parse('2026-11-23T12:00:00Z'),
      sessions: [{ clientId: 'laptop', id: '0a1b2c3d', driver }],
    });
  return { session, report };
}

it('tells for what the subflows of each uplink can be used, and why for no more', () => {
  const { session, report } = bed('dsl', 'dsl', 'lte', 'wifi', 'sat', 'old');
  session.subflows.doubt(0, 'test');
  session.subflows.doubt(2, 'test');
  session.subflows.retire(5);
  const [first] = report().sessions;
  expect(first!.uplinks.map(({ name, state, reason }) => `${name} ${state}: ${reason}`)).toEqual([
    'dsl in-use: in use',
    'lte doubted: doubted: silent for 300 ms',
    'old retiring: closes once all has arrived',
    'sat backup: backup, as its client says',
    'wifi parked: parked: holds up the rest',
  ]);
  // Nothing has been measured.
  expect(first!.uplinks[0]).toMatchObject({ rttMs: null, minRttMs: null, rateBitsPerSecond: null });
});

it('tells the uplinks by their names, whichever came first', () => {
  const { report } = bed('wifi', 'path10', 'dsl', 'path9', 'dsl');
  expect(report().sessions[0]!.uplinks.map(({ name }) => name)).toEqual(['dsl', 'path9', 'path10', 'wifi']);
});

it('tells times by the clock on the wall, and that a session has no subflow', () => {
  const { session, report } = bed('dsl');
  expect(report().sessions[0]).toMatchObject({
    since: '2026-11-23T11:59:00.000Z',
    uplinks: [{ subflows: [{ since: '2026-11-23T11:59:30.000Z', remote: '[2001:db8::5]:40000' }] }],
  });
  expect(concentratorStatusText(report())).toContain(
    'laptop, session 0a1b2c3d: established, for 60 s, 0 connection(s), 0 flow(s) of UDP\n',
  );
  session.subflows.remove(0);
  expect(report().sessions[0]).toMatchObject({ state: 'lingering', uplinks: [] });
  expect(concentratorStatusText(report())).toContain(': lingering, for 60 s');
});

it('tells nothing of a session that has ended and waits for its last turn', () => {
  const { session, report } = bed('dsl');
  expect(report().sessions).toHaveLength(1);
  session.close('uplinksLost');
  expect(report().sessions).toEqual([]);
});

it('tells the limits that hold, as far as the descriptors of the process allow', () => {
  const { report } = bed();
  // Of 1024 descriptors a quarter is not for origins, and of the rest a sixteenth may be dials of one client.
  expect(report().limits).toEqual({
    ...{ ...LIMITS, dialsPerClient: 48, namesPerClient: 16, origins: 768 },
    datagrams: {
      flowsPerClient: 1_024,
      associationsPerClient: 256,
      associations: 4_096,
      idleTimeoutMs: 300_000,
    },
  });
  expect(concentratorStatusText(report())).toContain(
    'A client may have 8 sessions, 128MiB of memory, 200 opens a second, 48 dials and 16 names at a time.\n',
  );
});
