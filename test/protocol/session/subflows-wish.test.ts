import { describe, expect, it } from 'vitest';
import { SessionBed } from './session-bed.ts';

function wanted(bed: SessionBed) {
  return bed.events().flatMap((event) => (event.type === 'subflows-wanted' ? [event.count] : []));
}

/** So many milliseconds of an idle session whose peer says that all has arrived, but on `silentId`. */
function pass(bed: SessionBed, ms: number, silentId?: number): void {
  const endMs = bed.nowMs + ms;
  while (bed.nowMs < endMs) {
    bed.nowMs += 50;
    for (const { id } of bed.session.snapshot().subflows) bed.sent(id);
    bed.nowMs += 50;
    const entries = bed.session
      .snapshot()
      .subflows.filter(({ id, sentBytes }) => id !== silentId && sentBytes > 0)
      .map(({ id, sentBytes: bytes }) => ({ subflowId: id, delayMicroseconds: 0, bytes }));
    if (entries.length > 0) bed.control({ type: 'receipt', entries }, entries[0]!.subflowId);
  }
}

describe('SUBFLOWS_WISH', () => {
  it('is told to the program around the client, at most eight', () => {
    const bed = new SessionBed('client');
    bed.control({ type: 'subflowsWish', subflowId: 0, count: 4 });
    bed.control({ type: 'subflowsWish', subflowId: 0, count: 4 });
    expect(bed.events()).toEqual([{ type: 'subflows-wanted', uplinkName: 'uplink0', count: 4 }]);
    bed.control({ type: 'subflowsWish', subflowId: 0, count: 200 });
    expect(wanted(bed)).toEqual([8]);
    bed.control({ type: 'subflowsWish', subflowId: 77, count: 3 });
    expect(wanted(bed)).toEqual([]);
  });

  it('is forgotten after half a minute unless it is repeated', () => {
    const bed = new SessionBed('client', [0, 1]);
    bed.control({ type: 'subflowsWish', subflowId: 0, count: 4 });
    pass(bed, 20_000);
    bed.control({ type: 'subflowsWish', subflowId: 0, count: 4 });
    pass(bed, 20_000);
    expect(wanted(bed)).toEqual([4]);
    pass(bed, 12_000);
    expect(wanted(bed)).toEqual([1]);
  });

  it('from a client is a violation', () => {
    const bed = new SessionBed('concentrator');
    bed.control({ type: 'subflowsWish', subflowId: 0, count: 4 });
    expect(bed.session.isClosed).toBe(true);
  });
});

describe('a subflow that is retired', () => {
  it('tells the peer to send elsewhere, and closes once that has arrived and nothing more came', () => {
    const bed = new SessionBed('client', [0, 1]);
    bed.at(bed.nowMs).subflows.retire(1);
    expect(bed.sent(0)).toContainEqual({
      kind: 'control',
      frame: { type: 'priority', subflowId: 1, backup: true, generation: 1 },
    });
    bed.nowMs += 50;
    bed.at(bed.nowMs).flush();
    expect(bed.eventTypes()).not.toContain('subflow-close');
    pass(bed, 1_000);
    expect(bed.events()).toContainEqual({
      type: 'subflow-close',
      subflowId: 1,
      reason: 'no longer needed',
    });
  });

  it('stays while it is all that works', () => {
    const bed = new SessionBed('client', [0, 1]);
    bed.at(bed.nowMs).subflows.doubt(0, 'its interface is down');
    bed.at(bed.nowMs).subflows.retire(1);
    pass(bed, 2_500, 0);
    expect(bed.events().filter((event) => event.type === 'subflow-close' && event.subflowId === 1)).toEqual(
      [],
    );
  });
});
