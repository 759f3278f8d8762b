import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { FrameParser } from '../../../shared/protocol/codec/frame-parser.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { Session } from '../../../shared/protocol/session/session.ts';
import { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';
import type {
  SubflowTransport,
  SubflowTransportHandlers,
} from '../../../shared/runtime/subflow/subflow-transport.ts';
import { RecordingSink } from '../../protocol/support.ts';
import { eventually } from '../../support/eventually.ts';

const DESTINATION = { host: '192.0.2.1', port: 80 };
const HANDLERS = { onOpened() {}, onData() {}, onEnded() {}, onFailed() {}, onWritable() {} };
/** Of the event loop: each has its immediates. */
const round = () => new Promise<void>((resolve) => setImmediate(resolve));

test('a write that is done, with nothing to send behind it, costs no turn', async () => {
  const bed = drive();
  bed.driver.openStream(DESTINATION, { mode: 'aggregate' }, () => HANDLERS);
  for (let i = 0; i < 3; i++) await round();
  expect(bed.writes).toEqual([['open']]);
  const turns = bed.flush.mock.calls.length;
  bed.written();
  for (let i = 0; i < 3; i++) await round();
  expect(bed.flush.mock.calls.length).toBe(turns);
  bed.end();
});

test('a receipt that was due while a write was under way leaves behind it', async () => {
  const bed = drive();
  bed.driver.openStream(DESTINATION, { mode: 'aggregate' }, () => HANDLERS);
  for (let i = 0; i < 3; i++) await round();
  bed.receive();
  bed.nowMs += 100;
  await round();
  expect(bed.writes).toEqual([['open']]);
  bed.written();
  await eventually(() => expect(bed.writes).toEqual([['open'], ['receipt']]));
  bed.end();
});

/** A client's driver with a clock and a subflow of the test's. */
function drive() {
  const bed = {
    nowMs: 1_000,
    /** The frames of each. */
    writes: [] as string[][],
    driver: undefined as unknown as SessionDriver,
    flush: vi.fn(),
    /** The last write has gone to the kernel. */
    written: () => handlers?.onWritable(),
    /** Something comes that wants a receipt. */
    receive() {
      const frame = new Session(options('concentrator'));
      frame.subflows.add({ id: 0, uplinkName: 'lan', isBackup: false });
      frame.announce([{ address: Uint8Array.of(192, 0, 2, 2), port: 443, joinHere: true }]);
      frame.flush();
      for (const bytes of frame.subflows.takeOutput(0)) handlers?.onBytes(new OwnBytes(bytes));
    },
    end: () => bed.driver.input((session) => session.close('goingAway')),
  };
  const options = (role: 'client' | 'concentrator') => ({
    role,
    maxStreams: 4,
    firstWindowBytes: 64_000,
    lingerMs: 1_000,
    memory: new MemoryBudget(1e6),
    nowMs: bed.nowMs,
  });
  let handlers: SubflowTransportHandlers | undefined;
  const transport: SubflowTransport = {
    remoteAddress: '192.0.2.9',
    remotePort: 443,
    localAddress: '192.0.2.8',
    localPort: 50_000,
    exporter: new Uint8Array(32),
    congestionControl: undefined,
    setHandlers: (given) => {
      handlers = given;
    },
    write(buffers) {
      const sink = new RecordingSink();
      const parser = new FrameParser();
      for (const buffer of buffers) parser.push(buffer, sink);
      bed.writes.push(sink.parsed.map((one) => (one.kind === 'data' ? 'data' : one.frame.type)));
    },
    setReading() {},
    measure: () => undefined,
    destroy() {},
  };
  const session = new Session(options('client'));
  bed.flush = vi.spyOn(session, 'flush') as never;
  bed.driver = new SessionDriver({
    session,
    clock: () => bed.nowMs,
    logger: pino({ enabled: false }),
    owner: { onSubflowClosed() {}, onClosed() {} },
    trafficOf: () => ({ sentBytes: 0, receivedBytes: 0 }),
  });
  bed.driver.addSubflow({ id: 0, uplinkName: 'lan', isBackup: false }, transport, new Uint8Array(0));
  return bed;
}
