import { describe, expect, it } from 'vitest';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { SessionBed } from './session-bed.ts';

const PING = encodeControl({ type: 'ping' });

/** Receipts for all that the session writes on both subflows come on subflow 1, every 20 ms. */
function pass(bed: SessionBed, written: number[], untilMs: number, onStep: (bed: SessionBed) => void): void {
  for (; bed.nowMs < untilMs; bed.nowMs += 20) {
    bed.at(bed.nowMs).flush();
    const entries = [0, 1].flatMap((subflowId) => {
      const { subflows } = bed.session;
      const bytes = subflows.takeOutput(subflowId).reduce((sum, buffer) => sum + buffer.length, 0);
      subflows.setWritable(subflowId, true);
      written[subflowId] = written[subflowId]! + bytes;
      return bytes === 0 ? [] : [{ subflowId, delayMicroseconds: 0, bytes: written[subflowId]! }];
    });
    if (entries.length > 0) bed.control({ type: 'receipt', entries }, 1);
    onStep(bed);
  }
}

describe('a subflow that the peer doubts', () => {
  it('works again only when something arrives on it: its receipts come elsewhere', () => {
    const bed = new SessionBed('client', [0, 1]);
    const written = [0, 0];
    const state = () => bed.session.snapshot().subflows.find(({ id }) => id === 0)?.state;
    pass(bed, written, 100, () => {});
    bed.control({ type: 'subflowState', subflowId: 0, state: 'doubted' }, 1);
    const replaced: boolean[] = [];
    pass(bed, written, 1_200, () => {
      for (const event of bed.events()) if (event.type === 'subflow-replace') replaced.push(event.isFailed);
    });
    expect(state()).toBe('doubted');
    expect(replaced).toEqual([false, true]);
    pass(bed, written, 1_500, () => bed.receive(PING, 0));
    expect(state()).toBe('active');
  });
});
