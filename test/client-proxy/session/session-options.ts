import { pino } from 'pino';
import { PathPasts } from '../../../client-proxy/path-manager/path-pasts.ts';
import { NORMAL_USE } from '../../../client-proxy/path-manager/uplink-use.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { DEFAULT_TUNING } from '../../../shared/protocol/session/core-tuning.ts';
import { DelayRecord } from '../../../shared/protocol/stream/stream-delays.ts';
import { TrafficTable } from '../../../shared/runtime/session/uplink-traffic.ts';
import { literalNames } from '../../support/literal-names.ts';
import { NO_DATAGRAMS } from '../../support/no-datagrams.ts';
import { NO_INBOUND } from '../../support/no-inbound.ts';
import { allLong } from '../packet-size/all-long.ts';
import { KEY } from './answered.ts';

/** What a session is made with where the test does not care: all but its uplinks, back-off and connections. */
export function sessionOptions() {
  return {
    identity: () => ({ id: 'laptop', key: KEY }),
    addresses: [{ host: '192.0.2.1', port: 8443 }],
    paths: 'per-uplink' as const,
    pasts: new PathPasts(),
    packetSizes: allLong(),
    names: literalNames(),
    dialTimeoutMs: 5_000,
    memory: new MemoryBudget(2e6),
    memoryBytes: 1e6,
    lingerMs: 60_000,
    tuning: DEFAULT_TUNING,
    delays: new DelayRecord(),
    handshakeTimeoutMs: 5_000,
    clock: () => performance.now(),
    random: () => 0,
    logger: pino({ enabled: false }),
    inbound: NO_INBOUND,
    datagrams: NO_DATAGRAMS,
    traffic: new TrafficTable(4),
    useOf: () => NORMAL_USE,
    onDial() {},
    onReviewed() {},
  };
}
