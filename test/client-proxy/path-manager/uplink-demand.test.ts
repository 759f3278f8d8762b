import { describe, expect, it } from 'vitest';
import {
  type DemandView,
  JOIN_AFTER_MS,
  LEAVE_AFTER_MS,
  SETTLED_MS,
  UplinkDemand,
  wantedUplinks,
} from '../../../client-proxy/path-manager/uplink-demand.ts';

/** What does not outlast a review. */
type View = Omit<DemandView, 'demand'>;

const DSL: View = {
  name: 'dsl',
  kind: 'always',
  isBackup: false,
  threshold: 0,
  isUp: true,
  hasFailed: false,
  utilization: 0,
};
const LTE: View = { ...DSL, name: 'lte', kind: 'last-resort', isBackup: true, isUp: false };
const OVERFLOW: View = { ...LTE, kind: 'overflow', isBackup: false, threshold: 0.8 };
const DOWN = { isUp: false, hasFailed: true };

/** Time passes in steps as long as a review's. */
function bed() {
  const demands = new Map<string, UplinkDemand>();
  let nowMs = 0;
  const review = (views: readonly View[], bound: readonly (readonly string[])[]) => {
    for (const { name } of views) if (!demands.has(name)) demands.set(name, new UplinkDemand());
    const asked = views.map((view) => ({ ...view, demand: demands.get(view.name)! }));
    return [...wantedUplinks(asked, nowMs, bound)];
  };
  return (views: readonly View[], durationMs = 0, bound: readonly (readonly string[])[] = []) => {
    let wanted = review(views, bound);
    for (const endMs = nowMs + durationMs; nowMs < endMs; ) {
      nowMs += 500;
      wanted = review(views, bound);
    }
    return wanted;
  };
}

describe('a last resort', () => {
  it('is wanted when everything else has failed, at once', () => {
    const review = bed();
    expect(review([DSL, LTE], 60_000)).toEqual(['dsl']);
    expect(review([{ ...DSL, ...DOWN }, LTE])).toEqual(['dsl', 'lte']);
  });

  it('waits for the first attempts of the others, and for all of them', () => {
    const review = bed();
    const dialling = { ...DSL, isUp: false };
    const other = { ...DSL, name: 'wifi', ...DOWN };
    expect(review([dialling, other, LTE], 60_000)).toEqual(['dsl', 'wifi']);
    expect(review([{ ...dialling, hasFailed: true }, other, LTE])).toEqual(['dsl', 'wifi', 'lte']);
  });

  it('is left when another one has worked for a while, not while that comes and goes', () => {
    const review = bed();
    const joined = { ...LTE, isUp: true };
    review([{ ...DSL, ...DOWN }, LTE]);
    for (let i = 0; i < 3; i++) {
      expect(review([DSL, joined], SETTLED_MS - 1_000)).toContain('lte');
      expect(review([{ ...DSL, ...DOWN }, joined], 2_000)).toContain('lte');
    }
    expect(review([DSL, joined], SETTLED_MS + 500)).toEqual(['dsl']);
  });

  it('comes in the order of the list where there are several', () => {
    const review = bed();
    const satellite = { ...LTE, name: 'satellite' };
    const down = { ...DSL, ...DOWN };
    expect(review([down, LTE, satellite])).toEqual(['dsl', 'lte']);
    expect(review([down, { ...LTE, hasFailed: true }, satellite])).toEqual(['dsl', 'lte', 'satellite']);
    const both = [down, { ...LTE, isUp: true }, { ...satellite, isUp: true }];
    expect(review(both, SETTLED_MS + 500)).toEqual(['dsl', 'lte']);
  });

  it('is all there is, and so is wanted', () => {
    expect(bed()([LTE])).toEqual(['lte']);
  });
});

describe('an uplink for overflow', () => {
  const full = { ...DSL, utilization: 0.85 };
  const calm = { ...DSL, utilization: 0.5 };

  it('is wanted when the others stay full, all of them', () => {
    const review = bed();
    expect(review([calm, OVERFLOW], 60_000)).toEqual(['dsl']);
    expect(review([full, OVERFLOW], JOIN_AFTER_MS - 500)).toEqual(['dsl']);
    expect(review([calm, OVERFLOW], 500)).toEqual(['dsl']);
    expect(review([full, OVERFLOW], JOIN_AFTER_MS + 500)).toEqual(['dsl', 'lte']);
    const alsoCalm = { ...calm, name: 'wifi' };
    expect(bed()([full, alsoCalm, OVERFLOW], 60_000)).toEqual(['dsl', 'wifi']);
  });

  it('is left when they have been well below for long', () => {
    const review = bed();
    const joined = { ...OVERFLOW, isUp: true };
    review([full, OVERFLOW], JOIN_AFTER_MS + 500);
    // Below the threshold, and not well below.
    expect(review([{ ...DSL, utilization: 0.7 }, joined], 2 * LEAVE_AFTER_MS)).toContain('lte');
    expect(review([calm, joined], LEAVE_AFTER_MS - 500)).toContain('lte');
    expect(review([full, joined], 500)).toContain('lte');
    expect(review([calm, joined], LEAVE_AFTER_MS + 500)).toEqual(['dsl']);
  });

  it('waits anew after it was dialled in any case, as another configuration had it', () => {
    const review = bed();
    expect(review([full, OVERFLOW], JOIN_AFTER_MS + 500)).toEqual(['dsl', 'lte']);
    expect(review([calm, { ...OVERFLOW, kind: 'always' }])).toEqual(['dsl', 'lte']);
    expect(review([calm, OVERFLOW])).toEqual(['dsl']);
  });

  it('is wanted when none of the others works, rather than a backup', () => {
    const backup = { ...DSL, name: 'satellite', isBackup: true };
    expect(bed()([{ ...DSL, ...DOWN }, OVERFLOW, backup])).toEqual(['dsl', 'lte', 'satellite']);
    expect(bed()([{ ...DSL, ...DOWN, hasFailed: false }, OVERFLOW, backup])).toEqual(['dsl', 'satellite']);
  });
});

describe('an uplink that a stream is bound to', () => {
  it.each([LTE, OVERFLOW])('is wanted at once, and until the stream is gone: $kind', (reserve) => {
    const review = bed();
    expect(review([DSL, reserve], 0, [['lte']])).toEqual(['dsl', 'lte']);
    const joined = { ...reserve, isUp: true };
    expect(review([DSL, joined], 2 * LEAVE_AFTER_MS, [['lte']])).toContain('lte');
    expect(review([DSL, joined], LEAVE_AFTER_MS + 500)).toEqual(['dsl']);
  });

  it('is not wanted while another of its uplinks works, or may yet', () => {
    const bound = [['dsl', 'lte']];
    expect(bed()([DSL, LTE], 60_000, bound)).toEqual(['dsl']);
    expect(bed()([{ ...DSL, isUp: false }, LTE], 60_000, bound)).toEqual(['dsl']);
    const wifi = { ...DSL, name: 'wifi' };
    expect(bed()([{ ...DSL, ...DOWN }, wifi, LTE], 0, bound)).toEqual(['dsl', 'wifi', 'lte']);
  });
});
