import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { SessionEvent } from '../../../shared/protocol/session/events.ts';
import type { Session } from '../../../shared/protocol/session/session.ts';
import { AttachedSubflows } from '../../../shared/runtime/session/attached-subflows.ts';
import { EventDispatcher } from '../../../shared/runtime/session/event-dispatcher.ts';

function dispatched(events: SessionEvent[]): string[] {
  const session = { nextEvent: () => events.shift() } as unknown as Session;
  const dispatcher = new EventDispatcher({
    session,
    owner: { onSubflowClosed() {}, onClosed() {} },
    logger: pino({ enabled: false }),
    subflows: new AttachedSubflows(session),
  });
  const failures: string[] = [];
  dispatcher.attach(3, {
    onOpened() {},
    onData() {},
    onEnded() {},
    onFailed: (error, hasAll = false) => void failures.push(`${error} ${hasAll}`),
    onWritable() {},
  });
  dispatcher.dispatch();
  return failures;
}

const failed = { type: 'stream-failed', streamId: 3 } as const;

it('tells of a failed stream once', () => {
  expect(
    dispatched([
      { ...failed, error: 'cancelled' },
      { ...failed, error: 'goingAway' },
    ]),
  ).toEqual(['cancelled false']);
});

it('tells an application that may still take what had come when it must give way', () => {
  const events: SessionEvent[] = [
    { ...failed, error: 'cancelled', hasAll: true },
    { ...failed, error: 'resourceExceeded' },
  ];
  expect(dispatched(events)).toEqual(['cancelled true', 'resourceExceeded false']);
});
