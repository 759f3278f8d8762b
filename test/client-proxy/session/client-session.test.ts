import { pino } from 'pino';
import { expect, it } from 'vitest';
import { PathPasts } from '../../../client-proxy/path-manager/path-pasts.ts';
import { NORMAL_USE } from '../../../client-proxy/path-manager/uplink-use.ts';
import { ClientSession } from '../../../client-proxy/session/client-session.ts';
import { connectSubflow } from '../../../client-proxy/uplink/subflow-connect.ts';
import { TributaryError } from '../../../shared/protocol/errors.ts';
import { ConcentratorHandshake } from '../../../shared/protocol/handshake/concentrator-handshake.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { DEFAULT_TUNING } from '../../../shared/protocol/session/core-tuning.ts';
import { DelayRecord } from '../../../shared/protocol/stream/stream-delays.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import { readHandshake } from '../../../shared/runtime/session/read-handshake.ts';
import { TrafficTable } from '../../../shared/runtime/session/uplink-traffic.ts';
import { bench, identity, lan, native, receivePool } from '../../runtime/subflow/subflow-bench.ts';
import { deferred } from '../../support/deferred.ts';
import { literalNames } from '../../support/literal-names.ts';
import { NO_DATAGRAMS } from '../../support/no-datagrams.ts';
import { NO_INBOUND } from '../../support/no-inbound.ts';
import { allLong } from '../packet-size/all-long.ts';

const key = new Uint8Array(32).fill(7);

it('that is closed while its HELLO is under way lets the connection go', async () => {
  const { port, subflow } = await bench();
  const ended = deferred<void>();
  let ups = 0;
  const session = new ClientSession(
    {
      identity: () => ({ id: 'laptop', key }),
      uplinks: [lan],
      addresses: [{ host: '127.0.0.1', port }],
      paths: 'per-uplink',
      pasts: new PathPasts(),
      packetSizes: allLong(),
      names: literalNames(),
      dialTimeoutMs: 5_000,
      memory: new MemoryBudget(2e6),
      memoryBytes: 1e6,
      lingerMs: 1_000,
      tuning: DEFAULT_TUNING,
      delays: new DelayRecord(),
      backoff: { minMs: 100, maxMs: 100 },
      handshakeTimeoutMs: 60_000,
      clock: () => performance.now(),
      random: () => 0,
      logger: pino({ enabled: false }),
      inbound: NO_INBOUND,
      datagrams: NO_DATAGRAMS,
      traffic: new TrafficTable(4),
      connect: (uplink, address, signal) =>
        connectSubflow(uplink, address, {
          pins: [certificatePin(identity.certificate)],
          pool: receivePool,
          native,
          signal,
          timeoutMs: 5_000,
        }),
      useOf: () => NORMAL_USE,
      onDial() {},
      onReviewed() {},
    },
    { onSubflowUp: () => ups++, onGoingAway() {}, onClosed: () => ended.resolve() },
  );
  session.start();
  const transport = await subflow.promise;
  const handshake = new ConcentratorHandshake({
    crypto: nodeHandshakeCrypto,
    exporter: transport.exporter,
    keysOf: () => [key],
  });
  await readHandshake(transport, {
    receive: (bytes) => handshake.receive(bytes),
    timeoutMs: 5_000,
    closedError: () => new TributaryError('cancelled', 'closed before HELLO', 'peer'),
  });

  session.close('goingAway');
  await ended.promise;
  const closed = deferred<void>();
  transport.setHandlers({ onBytes() {}, onWritable() {}, onClose: () => closed.resolve() });
  await closed.promise;
  expect(session.driver).toBeUndefined();
  expect(ups).toBe(0);
});
