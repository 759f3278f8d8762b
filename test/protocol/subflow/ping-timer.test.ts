import { describe, expect, it } from 'vitest';
import { PAUSE_TUNING } from '../../../shared/protocol/subflow/pause-detector.ts';
import { PING_TUNING, PingTimer } from '../../../shared/protocol/subflow/ping-timer.ts';
import { TestClock } from '../test-clock.ts';

const { bulkBytes, hushMs, intervalMs } = PING_TUNING;

describe('an idle subflow is asked', () => {
  it.each([
    { name: 'in its usual time after a little', pieces: [bulkBytes / 2], nextMs: intervalMs },
    { name: 'soon after bulk', pieces: [bulkBytes / 2, bulkBytes / 2], nextMs: 20 + hushMs },
    {
      name: 'in its usual time after pieces with breaks',
      pieces: [bulkBytes / 2, bulkBytes / 2],
      breakMs: 200,
      nextMs: intervalMs,
    },
  ])('$name', ({ pieces, breakMs = 10, nextMs }) => {
    const now = new TestClock();
    const timer = new PingTimer({ meter: { isDegraded: false }, uplink: { isMetered: false } }, now, {
      ping: PING_TUNING,
      pause: PAUSE_TUNING,
    });
    for (const [i, bytes] of pieces.entries()) {
      now.ms = (i + 1) * breakMs;
      timer.onPayload(bytes);
    }
    expect(timer.nextMs).toBe(nextMs);
  });

  it('once after the bulk', () => {
    const now = new TestClock();
    const timer = new PingTimer({ meter: { isDegraded: false }, uplink: { isMetered: true } }, now, {
      ping: PING_TUNING,
      pause: PAUSE_TUNING,
    });
    now.ms = 1;
    timer.onPayload(bulkBytes);
    now.ms = 1 + hushMs;
    expect(timer.nextMs).toBe(now.ms);
    timer.onQuestion();
    expect(timer.nextMs).toBe(now.ms + PING_TUNING.meteredIntervalMs);
  });
});
