import { pino } from 'pino';
import { expect, it } from 'vitest';
import { createEgressPolicy } from '../../../server-concentrator/egress/egress-policy.ts';
import { OriginDialer } from '../../../server-concentrator/egress/origin-dialer.ts';
import { OriginStreams } from '../../../server-concentrator/session/origin-streams.ts';
import { NAME_SERVICE } from '../../../shared/protocol/codec/name-question.ts';
import { SPEED_SERVICE } from '../../../shared/protocol/codec/speed-request.ts';
import { StreamError } from '../../../shared/protocol/errors.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import type { AppSocket } from '../../../shared/runtime/app/app-socket.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';
import type { StreamHandlers } from '../../../shared/runtime/session/session-handlers.ts';
import { RECORD_BYTES, SLAB_BYTES } from '../../../shared/runtime/subflow/receive-pool.ts';
import { SlabReading } from '../../runtime/subflow/slab-reading.ts';
import { eventually } from '../../support/eventually.ts';
import { NO_ALLOWANCES } from '../../support/no-allowances.ts';

it('counts connections with origins, and not what the concentrator answers itself', async () => {
  const usage = { connections: 0 };
  const accepted: number[] = [];
  const input = (work: (session: object) => unknown) =>
    work({ streams: { accept: (id: number) => void accepted.push(id), reset() {} } });
  const driver = { input, attachStream() {}, forgetStream() {} } as unknown as SessionDriver;
  const socket = { setHandlers() {}, resume() {}, destroy() {} } as unknown as AppSocket;
  const streams = new OriginStreams({
    driver,
    clientId: 'one',
    allowances: NO_ALLOWANCES,
    memory: new MemoryBudget(1_000_000),
    usage,
    dialer: new OriginDialer<AppSocket>({
      policy: createEgressPolicy({ allow: [], deny: [], ownAddresses: [], listenPorts: [8443] }),
      resolver: { resolve: async () => ['192.0.2.7'] },
      services: { [NAME_SERVICE.host]: () => socket, [SPEED_SERVICE.host]: () => socket },
      connect: async () => socket,
      connectTimeoutMs: 1_000,
      clock: () => 0,
    }),
    idleTimeoutMs: 60_000,
    stallTimeoutMs: 60_000,
    logger: pino({ enabled: false }),
    clock: () => 0,
    onOpened() {},
  });
  streams.request(0, NAME_SERVICE, 'aggregate');
  streams.request(1, SPEED_SERVICE, 'aggregate');
  await eventually(() => expect(accepted).toEqual([0, 1]));
  expect(usage.connections).toBe(0);
  streams.request(2, { host: '8.8.8.8', port: 443 }, 'aggregate');
  await eventually(() => expect(accepted).toEqual([0, 1, 2]));
  expect(usage.connections).toBe(1);
  streams.close();
});

it('gives back what came for an origin that is not reached', async () => {
  const refused: string[] = [];
  const attached = new Map<number, StreamHandlers>();
  const input = (work: (session: object) => unknown) =>
    work({ streams: { refuse: (id: number, error: string) => void refused.push(`${id} ${error}`) } });
  const driver = {
    input,
    attachStream: (id: number, handlers: StreamHandlers) => void attached.set(id, handlers),
    forgetStream: (id: number) => void attached.delete(id),
  } as unknown as SessionDriver;
  const dial = async () => {
    throw new StreamError('connectionRefused', 'of this test');
  };
  const streams = new OriginStreams({
    driver,
    clientId: 'one',
    allowances: NO_ALLOWANCES,
    memory: new MemoryBudget(1_000_000),
    usage: { connections: 0 },
    dialer: { dial } as unknown as OriginDialer<AppSocket>,
    idleTimeoutMs: 60_000,
    stallTimeoutMs: 60_000,
    logger: pino({ enabled: false }),
    clock: () => 0,
    onOpened() {},
  });
  // All that the one slab holds, in one chunk, so that it is kept as it is.
  const reading = new SlabReading();
  const chunks = Array.from({ length: SLAB_BYTES / RECORD_BYTES }, () => reading.read(7, RECORD_BYTES));
  streams.request(5, { host: 'origin.example', port: 443 }, 'aggregate');
  attached.get(5)!.onData(chunks);
  await Promise.resolve();
  expect([refused, attached.size]).toEqual([['5 connectionRefused'], 0]);
  for (const chunk of chunks) expect(() => chunk.release()).toThrow('released twice');
  streams.close();
});
