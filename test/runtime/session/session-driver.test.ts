import { pino } from 'pino';
import { expect, it } from 'vitest';
import { encodeFrame } from '../../../shared/protocol/codec/frame.ts';
import { FrameParser } from '../../../shared/protocol/codec/frame-parser.ts';
import { MAX_BODY_BYTES } from '../../../shared/protocol/codec/wire.ts';
import { ERROR_CODE } from '../../../shared/protocol/errors.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { Session } from '../../../shared/protocol/session/session.ts';
import { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';
import { RecordingSink } from '../../protocol/support.ts';
import { deferred } from '../../support/deferred.ts';
import { bench, dial } from '../net/subflow-bench.ts';

const clock = () => performance.now();

it('says CLOSE also where a write is still under way', async () => {
  const { port, subflow } = await bench();
  const near = await dial(port);
  const far = await subflow.promise;
  const session = new Session({
    role: 'client',
    maxStreams: 4,
    firstWindowBytes: 0,
    lingerMs: 1_000,
    memory: new MemoryBudget(1e6),
    nowMs: clock(),
  });
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
  driver.close('goingAway');
  await new Promise((resolve) => setImmediate(resolve));

  const parser = new FrameParser();
  const sink = new RecordingSink();
  const closed = deferred<void>();
  far.setHandlers({
    onBytes: (bytes) => parser.push(bytes, sink),
    onWritable() {},
    onClose: () => closed.resolve(),
  });
  await Promise.all([driver.finished, closed.promise]);
  expect(sink.parsed).toEqual([{ kind: 'control', frame: { type: 'close', code: ERROR_CODE.goingAway } }]);
});
