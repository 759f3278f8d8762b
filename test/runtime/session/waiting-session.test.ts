import { pino } from 'pino';
import { expect, it } from 'vitest';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { Session } from '../../../shared/protocol/session/session.ts';
import type { ShareHolder, ShareSeat } from '../../../shared/runtime/session/fair-share.ts';
import { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';
import type {
  SubflowTransport,
  SubflowTransportHandlers,
} from '../../../shared/runtime/subflow/subflow-transport.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A client's session on one subflow, whose place in the line for the processor is in the hands of the test. */
function bed() {
  const seat: ShareSeat & { mustWait: boolean } = {
    mustWait: false,
    takeTurn: () => false,
    run: (work) => work(),
    leave() {},
  };
  const transport: SubflowTransport & {
    isReading: boolean;
    writes: number;
    handlers: SubflowTransportHandlers | undefined;
  } = {
    ...{ remoteAddress: '', remotePort: 0, localAddress: '', localPort: 0, congestionControl: undefined },
    exporter: new Uint8Array(32),
    isReading: true,
    writes: 0,
    handlers: undefined,
    setHandlers(handlers) {
      this.handlers = handlers;
    },
    write() {
      this.writes++;
    },
    setReading(isReading) {
      this.isReading = isReading;
    },
    measure: () => undefined,
    destroy() {},
  };
  let holder!: ShareHolder;
  const clock = () => performance.now();
  const session = new Session({
    role: 'client',
    maxStreams: 64,
    firstWindowBytes: 0,
    lingerMs: 1_000,
    memory: new MemoryBudget(1e9),
    nowMs: clock(),
  });
  const driver = new SessionDriver({
    session,
    clock,
    logger: pino({ enabled: false }),
    owner: { onSubflowClosed() {}, onClosed() {} },
    enter(one) {
      holder = one;
      return seat;
    },
    trafficOf: () => ({ sentBytes: 0, receivedBytes: 0 }),
  });
  driver.addSubflow({ id: 0, uplinkName: 'lan', isBackup: false }, transport, new Uint8Array(0));
  const wait = () => {
    seat.mustWait = true;
    holder.wait();
  };
  const goOn = () => {
    seat.mustWait = false;
    holder.goOn();
  };
  return { driver, transport, wait, goOn };
}

/** Opens a stream, and notes what its application hears. */
function open(driver: SessionDriver) {
  const heard: string[] = [];
  let id = -1;
  driver.openStream({ host: '192.0.2.1', port: 80 }, { mode: 'aggregate' }, (streamId) => {
    id = streamId;
    return {
      onOpened: () => heard.push('opened'),
      onData: (chunks) => heard.push(`${chunks.length} chunks`),
      onEnded: () => heard.push('ended'),
      onFailed: (error) => heard.push(error),
      onWritable: () => heard.push('writable'),
    };
  });
  return { id, heard };
}

const opened = (streamId: number) =>
  new OwnBytes(encodeControl({ type: 'opened', streamId, limit: 1_000, ok: true, code: 0 }));

it('a session that must wait reads nothing, and takes what was read already in its order when it goes on', async () => {
  const { driver, transport, wait, goOn } = bed();
  const { id, heard } = open(driver);
  await turn();
  wait();
  expect(transport.isReading).toBe(false);
  // What TLS had in hand: the second frame comes in two parts.
  const reset = encodeControl({ type: 'reset', streamId: id, code: 0x60 });
  for (const chunk of [opened(id), new OwnBytes(reset.slice(0, 9)), new OwnBytes(reset.slice(9))]) {
    transport.handlers!.onBytes(chunk);
  }
  await turn();
  expect(heard).toEqual([]);
  goOn();
  expect(transport.isReading).toBe(true);
  await turn();
  expect(heard).toEqual(['opened', 'connectionReset']);
});

it('a session that must wait puts its turn off', async () => {
  const { driver, transport, wait, goOn } = bed();
  await turn();
  transport.handlers!.onWritable();
  await turn();
  const { writes } = transport;
  wait();
  open(driver);
  await turn();
  await turn();
  expect(transport.writes).toBe(writes);
  goOn();
  await turn();
  expect(transport.writes).toBe(writes + 1);
});

it('what arrived on a subflow before it was lost is not lost with it, though the session must wait', async () => {
  const { driver, transport, wait, goOn } = bed();
  const { id, heard } = open(driver);
  await turn();
  wait();
  transport.handlers!.onBytes(opened(id));
  transport.handlers!.onClose();
  goOn();
  await turn();
  expect(heard).toEqual(['opened']);
});

it('applications of a session that must wait are held back, and go on a few at a time', async () => {
  const { driver, wait, goOn } = bed();
  const streams = Array.from({ length: 20 }, () => open(driver));
  await turn();
  expect(driver.holdsBack(streams[0]!.id)).toBe(false);
  wait();
  for (const { id } of streams) expect(driver.holdsBack(id)).toBe(true);
  const told = () => streams.filter(({ heard }) => heard.includes('writable')).length;
  goOn();
  const counts = [told()];
  for (let i = 0; i < 2; i++) {
    await turn();
    counts.push(told());
  }
  expect(counts).toEqual([8, 16, 20]);
});
