import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { OriginDialer } from '../../../server-concentrator/egress/origin-dialer.ts';
import { OriginStreams } from '../../../server-concentrator/session/origin-streams.ts';
import { StreamError } from '../../../shared/protocol/errors.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import type { AppSocket } from '../../../shared/runtime/app/app-socket.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';
import type { StreamHandlers } from '../../../shared/runtime/session/session-handlers.ts';
import { RECORD_BYTES, SLAB_BYTES } from '../../../shared/runtime/subflow/receive-pool.ts';
import { SlabReading } from '../../runtime/subflow/slab-reading.ts';
import { NO_ALLOWANCES } from '../../support/no-allowances.ts';

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
