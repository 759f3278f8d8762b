import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import { SessionSteering } from '../../../shared/protocol/steering/session-steering.ts';
import { STEERING_TUNING } from '../../../shared/protocol/steering/steering-tuning.ts';
import { Stream, type StreamContext, type StreamOptions } from '../../../shared/protocol/stream/stream.ts';
import { DelayRecord } from '../../../shared/protocol/stream/stream-delays.ts';
import { STREAM_TUNING } from '../../../shared/protocol/stream/stream-tuning.ts';
import { TestClock } from '../test-clock.ts';

/** What the streams of a session share, with memory to spare. */
export function streamContext(now = new TestClock()): StreamContext {
  return {
    now,
    tuning: STREAM_TUNING,
    memory: new MemoryBudget(Number.MAX_SAFE_INTEGER),
    backlog: { bytes: 0 },
    steering: new SessionSteering({ now, tuning: STEERING_TUNING, followsPeer: false }),
    delays: new DelayRecord(),
  };
}

/** A stream without a policy at the client, with a wide window, unless said otherwise. */
export function newStream(options: Partial<StreamOptions> = {}, context = streamContext()): Stream {
  const usual = {
    id: 0,
    phase: 'opening',
    policy: { mode: 'aggregate' },
    sendLimitDsn: Number.MAX_SAFE_INTEGER,
  } as const;
  return new Stream({ ...usual, ...options }, context);
}
