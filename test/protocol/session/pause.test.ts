import { describe, expect, it } from 'vitest';
import { WATCH_TUNING } from '../../../shared/protocol/session/subflow-watch.ts';
import { CountingChunk, patternBytes } from '../support.ts';
import { SessionBed } from './session-bed.ts';

/** A concentrator that has sent an answer on its only subflow, and heard nothing since; the doubt has just begun. */
function paused(): SessionBed {
  const bed = new SessionBed('concentrator');
  bed.openStream(0);
  bed.session.streams.write(0, new CountingChunk(patternBytes(0, 1_000)));
  expect(bed.sent().filter(({ kind }) => kind === 'data')).toHaveLength(1);
  while (!isDoubted(bed)) {
    bed.nowMs += 10;
    expect(bed.sentControl().filter(({ type }) => type !== 'receipt')).toEqual([]);
  }
  bed.events();
  return bed;
}

const isDoubted = (bed: SessionBed) => bed.session.snapshot().subflows[0]!.state === 'doubted';

function receiptFor(bed: SessionBed): void {
  const bytes = bed.session.snapshot().subflows[0]!.sentBytes;
  bed.control({ type: 'receipt', entries: [{ subflowId: 0, delayMicroseconds: 0, bytes }] });
}

describe('a doubt where nothing else could carry the data', () => {
  it('sends nothing again, and tells the peer nothing, that would arrive behind it', () => {
    const bed = paused();
    for (const endMs = bed.nowMs + 600; bed.nowMs < endMs; bed.nowMs += 10) {
      expect(bed.sent().filter(({ kind }) => kind === 'data')).toEqual([]);
      expect(bed.sentControl().filter(({ type }) => type !== 'ping')).toEqual([]);
    }
    receiptFor(bed);
    expect(bed.sent()).toEqual([]);
    expect(isDoubted(bed)).toBe(false);
    expect(bed.session.snapshot().statistics.reinjectedBytes).toBe(0);
  });

  it('moves what is under way to a subflow that comes, at once, and tells the peer there', () => {
    const bed = paused();
    bed.addSubflow(1);
    const sent = bed.sent(1);
    expect(sent).toContainEqual(expect.objectContaining({ kind: 'data', streamId: 0, dsn: 0 }));
    expect(sent).toContainEqual({
      kind: 'control',
      frame: { type: 'subflowState', subflowId: 0, state: 'doubted' },
    });
    expect(bed.session.snapshot().statistics.reinjectedBytes).toBe(1_000);
    bed.nowMs += 10;
    expect(bed.sent(1).filter(({ kind }) => kind === 'data')).toEqual([]);
  });

  it('gives the subflow up as late as one whose data nobody else has', () => {
    const bed = new SessionBed('concentrator');
    bed.at(0).subflows.doubt(0, 'its interface is down');
    for (; bed.nowMs < WATCH_TUNING.abandonAfterMs; bed.nowMs += 100) {
      bed.sent();
      expect(bed.eventTypes()).not.toContain('subflow-close');
    }
    bed.at(bed.nowMs).flush();
    expect(bed.eventTypes()).toContain('subflow-close');
    expect(WATCH_TUNING.giveUpAfterMs).toBeLessThan(WATCH_TUNING.abandonAfterMs);
  });
});
