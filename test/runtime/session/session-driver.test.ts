import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import { encodeControl, encodeFrame } from '../../../shared/protocol/codec/frame.ts';
import { FrameParser } from '../../../shared/protocol/codec/frame-parser.ts';
import { MAX_BODY_BYTES } from '../../../shared/protocol/codec/wire.ts';
import { ERROR_CODE } from '../../../shared/protocol/errors.ts';
import type { Chunk } from '../../../shared/protocol/memory/chunk.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { Session } from '../../../shared/protocol/session/session.ts';
import { FairShare, type ShareHolder, type ShareSeat } from '../../../shared/runtime/session/fair-share.ts';
import { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';
import type { SubflowTransport } from '../../../shared/runtime/subflow/subflow-transport.ts';
import { RecordingSink } from '../../protocol/support.ts';
import { deferred } from '../../support/deferred.ts';
import { pattern } from '../app/app-pair.ts';
import { bench, dial } from '../subflow/subflow-bench.ts';

const clock = () => performance.now();

it('ends the session in which a defect shows, and tells the peer', async () => {
  const { port, subflow } = await bench();
  const near = await dial(port);
  const far = await subflow.promise;
  const lines: string[] = [];
  const session = newSession('concentrator');
  const closedWith = deferred<string>();
  const driver = new SessionDriver({
    session,
    clock,
    logger: pino({ level: 'error' }, { write: (line: string) => void lines.push(line) }),
    owner: {
      onStreamRequested() {
        throw new TypeError('of this test');
      },
      onSubflowClosed() {},
      onClosed: (error) => closedWith.resolve(error),
    },
    trafficOf: () => ({ sentBytes: 0, receivedBytes: 0 }),
  });
  driver.addSubflow({ id: 0, uplinkName: 'lan', isBackup: false }, near, new Uint8Array(0));
  const sink = new RecordingSink();
  const parser = new FrameParser();
  far.setHandlers({ onBytes: (chunk) => parser.push(chunk.bytes, sink), onWritable() {}, onClose() {} });
  far.write([
    encodeControl({ type: 'open', streamId: 0, limit: 65_536, mode: 0, host: '192.0.2.1', port: 80 }),
  ]);
  expect(await closedWith.promise).toBe('internalError');
  await driver.finished;
  expect(lines.join()).toContain('of this test');
  expect(sink.parsed.at(-1)).toEqual({
    kind: 'control',
    frame: { type: 'close', code: ERROR_CODE.internalError },
  });
});

it('says CLOSE also where a write is still under way', async () => {
  const { port, subflow } = await bench();
  const near = await dial(port);
  const far = await subflow.promise;
  const session = newSession('client');
  const driver = new SessionDriver({
    session,
    clock,
    logger: pino({ enabled: false }),
    owner: { onSubflowClosed() {}, onClosed() {} },
    trafficOf: () => ({ sentBytes: 0, receivedBytes: 0 }),
  });
  // More than the kernel's buffers hold, of a type that is skipped, while the far side does not read.
  const skipped = encodeFrame(0xff, 0, new Uint8Array(MAX_BODY_BYTES));
  near.write(Array.from({ length: 64 }, () => skipped));
  driver.addSubflow({ id: 0, uplinkName: 'lan', isBackup: false }, near, new Uint8Array(0), true);
  // The time that a farewell may take is not over, however slow the machine is.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  driver.input((session) => session.close('goingAway'));
  await new Promise((resolve) => setImmediate(resolve));

  const parser = new FrameParser();
  const sink = new RecordingSink();
  far.setHandlers({
    onBytes: (chunk) => {
      parser.push(chunk.bytes, sink);
      // As a peer does that has CLOSE.
      if (sink.parsed.length > 0) far.destroy();
    },
    onWritable() {},
    onClose() {},
  });
  await driver.finished;
  expect(sink.parsed).toEqual([{ kind: 'control', frame: { type: 'close', code: ERROR_CODE.goingAway } }]);
});

it.each([
  { what: 'alone', enter: undefined, waits: false },
  { what: 'beside another client, so that it must wait again and again', enter: besideAnother, waits: true },
])('hands on bulk unchanged, however long its receiver takes to give it back, $what', async (one) => {
  const place = one.enter?.();
  const { port, subflow } = await bench();
  const near = await dial(port);
  const far = await subflow.promise;
  const sent = pattern(16 * 1024 * 1024, 7);
  const done = deferred<void>();
  const held: { chunk: Chunk; offset: number }[] = [];
  let [receivedBytes, wrongPieces] = [0, 0];
  const giveBack = ({ chunk, offset }: { chunk: Chunk; offset: number }) => {
    if (!sent.subarray(offset, offset + chunk.bytes.length).equals(chunk.bytes)) wrongPieces++;
    chunk.release();
  };
  const client = drive(newSession('client', 16e6), near);
  const onStreamRequested = (streamId: number) => {
    concentrator.attachStream(streamId, {
      ...NO_HANDLERS,
      onData(chunks) {
        for (const chunk of chunks) {
          const { length } = chunk.bytes;
          held.push({ chunk, offset: receivedBytes });
          receivedBytes += length;
          concentrator.input(({ streams }) => streams.consumed(streamId, length));
        }
        while (held.length > 40) giveBack(held.splice(held.length >> 1, 1)[0]!);
        if (receivedBytes === sent.length) done.resolve();
      },
    });
    concentrator.input(({ streams }) => streams.accept(streamId));
  };
  const concentrator = drive(newSession('concentrator', 16e6), far, onStreamRequested, place?.enter);
  client.openStream({ host: '192.0.2.1', port: 80 }, { mode: 'aggregate' }, (streamId) => {
    let offset = 0;
    const write = () => {
      for (let hasRoom = true; hasRoom && offset < sent.length; offset += 100_000) {
        const bytes = sent.subarray(offset, offset + 100_000);
        hasRoom = client.input(({ streams }) =>
          streams.write(streamId, { bytes, headroomBytes: 0, release() {} }),
        );
      }
    };
    setImmediate(write);
    return { ...NO_HANDLERS, onWritable: write };
  });
  await done.promise;
  for (const one of held) giveBack(one);
  expect(wrongPieces).toBe(0);
  for (const driver of [client, concentrator]) driver.input((session) => session.close('goingAway'));
  place?.leave();
  expect((place?.waits() ?? 0) > 0).toBe(one.waits);
});

/** Where time passes so fast that little work is all that a client may do in a turn, and another one always works. */
function besideAnother() {
  let waits = 0;
  const share = new FairShare(() => performance.now() * 50);
  const other = share.enter('other', { wait() {}, goOn() {} });
  const work = setInterval(() => other.run(() => {}, 20), 1);
  const counted = (holder: ShareHolder): ShareHolder => ({
    wait() {
      waits++;
      holder.wait();
    },
    goOn: () => holder.goOn(),
  });
  return {
    enter: (holder: ShareHolder) => share.enter('one', counted(holder)),
    waits: () => waits,
    leave: () => clearInterval(work),
  };
}

const NO_HANDLERS = { onOpened() {}, onData() {}, onEnded() {}, onFailed() {}, onWritable() {} };

function drive(
  session: Session,
  transport: SubflowTransport,
  onStreamRequested: (streamId: number) => void = () => {},
  enter?: (holder: ShareHolder) => ShareSeat,
): SessionDriver {
  const driver = new SessionDriver({
    session,
    clock,
    logger: pino({ enabled: false }),
    owner: { onStreamRequested, onSubflowClosed() {}, onClosed() {} },
    trafficOf: () => ({ sentBytes: 0, receivedBytes: 0 }),
    ...(enter && { enter }),
  });
  driver.addSubflow({ id: 0, uplinkName: 'lan', isBackup: false }, transport, new Uint8Array(0));
  return driver;
}

function newSession(role: 'client' | 'concentrator', memoryBytes = 1e6): Session {
  return new Session({
    role,
    maxStreams: 4,
    firstWindowBytes: 0,
    lingerMs: 1_000,
    memory: new MemoryBudget(memoryBytes),
    nowMs: clock(),
  });
}
