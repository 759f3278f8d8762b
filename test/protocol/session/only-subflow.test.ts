import { expect, it } from 'vitest';
import { WATCH_TUNING } from '../../../shared/protocol/session/subflow-watch.ts';
import { SessionBed } from './session-bed.ts';

/** Bytes that the session writes now. */
function written({ session, nowMs }: SessionBed): number {
  session.advance(nowMs);
  session.flush();
  const bytes = session.subflows.takeOutput(0).reduce((sum, buffer) => sum + buffer.length, 0);
  session.subflows.setWritable(0, true);
  return bytes;
}

/** How long after its doubt another subflow was asked for, and whether this one had failed by then. Nothing is answered. */
function replacements(bed: SessionBed, all: { bytes: number }, endMs: number) {
  const found: { afterMs: number; isFailed: boolean }[] = [];
  let doubtedMs = Number.NaN;
  for (; bed.nowMs < endMs; bed.nowMs += 10) {
    all.bytes += written(bed);
    for (const event of bed.events()) {
      if (event.type === 'subflow-state') doubtedMs = bed.nowMs;
      if (event.type === 'subflow-replace')
        found.push({ afterMs: bed.nowMs - doubtedMs, isFailed: event.isFailed });
    }
  }
  return found;
}

/** All that was written is receipted. */
function answer(bed: SessionBed, all: { bytes: number }, endMs: number): void {
  for (; bed.nowMs < endMs; bed.nowMs += 10) {
    const bytes = written(bed);
    all.bytes += bytes;
    const entry = { subflowId: 0, delayMicroseconds: 0, bytes: all.bytes };
    if (all.bytes > 0) bed.control({ type: 'receipt', entries: [entry] });
    bed.events();
  }
}

it('the only subflow is joined by another as soon as it is doubted, and has failed later; soon after that, once it has failed', () => {
  const bed = new SessionBed('client', [0]);
  const all = { bytes: 0 };
  answer(bed, all, 1_000);
  bed.session.subflows.ask();
  const first = replacements(bed, all, 2_500);
  expect(first.map(({ isFailed }) => isFailed)).toEqual([false, true]);
  expect(first[0]!.afterMs).toBeLessThanOrEqual(20);
  expect(first[1]!.afterMs).toBeGreaterThanOrEqual(WATCH_TUNING.keptReplaceMs);

  answer(bed, all, 4_000);
  bed.session.subflows.ask();
  const second = replacements(bed, all, 5_500);
  expect(second.map(({ isFailed }) => isFailed)).toEqual([true]);
  expect(second[0]!.afterMs).toBeGreaterThanOrEqual(WATCH_TUNING.keptReplaceMs);
});
