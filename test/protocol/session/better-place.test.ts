import { describe, expect, it } from 'vitest';
import { hasBetterPlace } from '../../../shared/protocol/session/better-place.ts';
import type { SessionSubflow } from '../../../shared/protocol/session/sent-item.ts';
import { RTT_TUNING } from '../../../shared/protocol/subflow/rtt-estimator.ts';
import { newSubflow, newUplink } from '../new-subflow.ts';
import { TestClock } from '../test-clock.ts';

const NOW_MS = 10_000;
const now = new TestClock();
const { at } = now;

function idle(id: number): SessionSubflow {
  return newSubflow({ id }, at(0, newUplink(`uplink${id}`, now)), now);
}

/** One with a frame under way, which was sent so long ago. */
function silentFor(ms: number, id: number): SessionSubflow {
  const subflow = idle(id);
  const control = { isReceipted: false, copies: 1, encode: () => undefined } as never;
  at(NOW_MS - ms, subflow).append([new Uint8Array(8)], { kind: 'control', control });
  return subflow;
}

function hasOne(silent: SessionSubflow, others: readonly SessionSubflow[], atMs = NOW_MS): boolean {
  return at(atMs, [silent, ...others]).length > 0 && hasBetterPlace(silent, [silent, ...others]);
}

describe('what is under way on a silent subflow', () => {
  const silent = silentFor(300, 0);

  it('has no better place on itself', () => {
    expect(hasOne(silent, [])).toBe(false);
  });

  it('has one on a subflow that is idle', () => {
    expect(hasOne(silent, [idle(1)])).toBe(true);
  });

  it('has one on a subflow that may be waiting for its answer', () => {
    expect(hasOne(silent, [silentFor(RTT_TUNING.firstMs / 2, 1)])).toBe(true);
  });

  it('has none on a subflow that is silent as well, doubted or not yet', () => {
    const other = silentFor(290, 1);
    expect(hasOne(silent, [other])).toBe(false);
    at(NOW_MS, other).doubt(false);
    expect(hasOne(silent, [other])).toBe(false);
  });

  it('stays for a round trip where it is when another recovers: pauses of two often end together', () => {
    const other = idle(1);
    at(NOW_MS - 500, other).doubt(false);
    at(NOW_MS, other).recover();
    expect(hasOne(silent, [other], NOW_MS + RTT_TUNING.firstMs - 1)).toBe(false);
    expect(hasOne(silent, [other], NOW_MS + RTT_TUNING.firstMs + 1)).toBe(true);
  });
});
