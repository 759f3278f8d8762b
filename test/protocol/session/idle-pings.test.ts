import { describe, expect, it } from 'vitest';
import type { ControlFrame } from '../../../shared/protocol/codec/frame.ts';
import { PING_TUNING } from '../../../shared/protocol/subflow/ping-timer.ts';
import { RECEIPT_TUNING } from '../../../shared/protocol/subflow/receipt-tracker.ts';
import { CountingChunk, patternBytes } from '../support.ts';
import { dataFrame, SessionBed } from './session-bed.ts';

const { intervalMs, togetherMs } = PING_TUNING;

function isPing({ type }: ControlFrame): boolean {
  return type === 'ping';
}

/** The peer receipts all that was written on a subflow. */
function receipt(bed: SessionBed, subflowId: number): void {
  const subflow = bed.session.snapshot().subflows.find(({ id }) => id === subflowId)!;
  bed.control(
    { type: 'receipt', entries: [{ subflowId, delayMicroseconds: 0, bytes: subflow.sentBytes }] },
    subflowId,
  );
}

describe('an idle subflow', () => {
  it('is asked together with another that was asked at another time, once both are quiet', () => {
    const bed = new SessionBed('client', [0]);
    bed.nowMs = 400;
    bed.addSubflow(1);
    const asked: string[] = [];
    for (; bed.nowMs < 4_900; bed.nowMs += 10) {
      for (const id of [0, 1]) {
        if (!bed.sentControl(id).some(isPing)) continue;
        asked.push(`${bed.nowMs} ${id}`);
        receipt(bed, id);
      }
    }
    const together = [2_000, 3_000, 4_000].flatMap((ms) => [`${ms} 0`, `${ms} 1`]);
    expect(asked).toEqual(['1000 0', '1400 1', ...together]);
  });

  it('answers a question at once, and asks the same if it would soon', () => {
    const bed = new SessionBed('concentrator');
    bed.nowMs = intervalMs;
    bed.sent();
    receipt(bed, 0);
    bed.nowMs += intervalMs - togetherMs;
    bed.control({ type: 'ping' });
    expect(bed.sentControl().map(({ type }) => type)).toEqual(['ping', 'receipt']);
    receipt(bed, 0);
    // Its own question was asked just now.
    bed.nowMs += 100;
    bed.control({ type: 'ping' });
    expect(bed.sentControl().map(({ type }) => type)).toEqual(['receipt']);
  });

  it('answers and asks in its own time while the session carries something', () => {
    const bed = new SessionBed('concentrator', [0, 1]);
    bed.openStream(0);
    for (const nowMs of [0, 1_400]) {
      bed.nowMs = nowMs;
      for (const id of [0, 1]) {
        bed.sent(id);
        receipt(bed, id);
      }
    }
    bed.nowMs += 550;
    bed.receive(dataFrame(0, 0, patternBytes(0, 100)), 1);
    bed.control({ type: 'ping' });
    expect(bed.sentControl()).toEqual([]);
    bed.nowMs += RECEIPT_TUNING.intervalMs;
    expect(bed.sentControl().map(({ type }) => type)).toEqual(['receipt']);
  });

  it('does not let a flood of questions bring about a flood of answers', () => {
    const bed = new SessionBed('concentrator');
    let answers = 0;
    bed.nowMs = 2_000;
    const startMs = bed.nowMs;
    for (; bed.nowMs < startMs + 1_000; bed.nowMs += 0.25) {
      bed.control({ type: 'ping' });
      answers += bed.sentControl().filter(({ type }) => type === 'receipt').length;
    }
    expect(answers).toBeLessThanOrEqual(1_000 / RECEIPT_TUNING.intervalMs + 1);
    expect(answers).toBeGreaterThan(100);
  });
});

describe('the session looks again', () => {
  it('when the answer to a ping would be late, and not before', () => {
    const bed = new SessionBed('client');
    bed.nowMs = intervalMs;
    expect(bed.sentControl().filter(isPing)).toHaveLength(1);
    expect(bed.session.deadlineMs).toBeGreaterThan(bed.nowMs + 150);
  });

  it('every 10 ms while data is under way', () => {
    const bed = new SessionBed('concentrator');
    bed.openStream(0);
    bed.session.streams.write(0, new CountingChunk(patternBytes(0, 1_000)));
    expect(bed.sent().some(({ kind }) => kind === 'data')).toBe(true);
    expect(bed.session.deadlineMs).toBeLessThanOrEqual(bed.nowMs + 10);
  });
});
