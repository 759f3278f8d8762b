import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlaceBounds, SharedPlaces } from '../../../shared/runtime/async/shared-places.ts';

function bed(bounds: PlaceBounds) {
  const granted: string[] = [];
  const waited: string[] = [];
  const places = new SharedPlaces(bounds, (owner) => void waited.push(owner));
  const claim = (owner: string, what = owner) => places.claim(owner, () => void granted.push(what));
  return { places, granted, waited, claim };
}

it('grants up to its bounds at once, and the rest as places become free', () => {
  const { granted, waited, claim } = bed({ total: 3, perOwner: 2 });
  const a = claim('a', 'a1');
  claim('a', 'a2');
  claim('a', 'a3');
  claim('b', 'b1');
  claim('b', 'b2');
  expect(granted).toEqual(['a1', 'a2', 'b1']);
  expect(waited).toEqual(['a', 'b']);
  a();
  expect(granted).toEqual(['a1', 'a2', 'b1', 'a3']);
  a();
  expect(granted).toHaveLength(4);
});

it('lets owners take turns, however long one line is', () => {
  const { granted, claim } = bed({ total: 1, perOwner: 1 });
  const first = claim('a', 'a0');
  const releases = [1, 2, 3].map((i) => claim('a', `a${i}`));
  const b = claim('b', 'b1');
  first();
  releases[0]!();
  b();
  releases[1]!();
  expect(granted).toEqual(['a0', 'a1', 'b1', 'a2', 'a3']);
});

it('forgets a claim that leaves the line', () => {
  const { places, granted, claim } = bed({ total: 1, perOwner: 1 });
  const first = claim('a', 'a1');
  claim('b', 'b1')();
  expect(places.waitingOf('b')).toBe(0);
  first();
  expect(granted).toEqual(['a1']);
  expect(places.tryClaim('c')).toBeDefined();
});

it('does not wait where it is told not to', () => {
  const { places, waited, claim } = bed({ total: 2, perOwner: 1 });
  claim('a');
  expect(places.tryClaim('a')).toBeUndefined();
  places.tryClaim('b')?.();
  expect(places.tryClaim('b')).toBeDefined();
  expect(waited).toEqual(['a']);
});

describe('in any order of claims and releases', () => {
  const steps = fc.array(
    fc.record({ owner: fc.constantFrom('a', 'b', 'c'), release: fc.boolean(), which: fc.nat(30) }),
    { maxLength: 200 },
  );

  it('holds both bounds, and leaves no place free that somebody waits for', () => {
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 4 }),
        (all, total, perOwner) => {
          const places = new SharedPlaces({ total, perOwner });
          const claims: { owner: string; held: boolean; over: boolean; release(): void }[] = [];
          const held = (owner?: string) =>
            claims.filter((claim) => claim.held && !claim.over && (owner ?? claim.owner) === claim.owner)
              .length;
          for (const { owner, release, which } of all) {
            const known = claims[which];
            if (release && known !== undefined) {
              known.over = true;
              known.release();
            } else {
              const claim = { owner, held: false, over: false, release: () => {} };
              claims.push(claim);
              claim.release = places.claim(owner, () => {
                claim.held = true;
              });
            }
            expect(held()).toBeLessThanOrEqual(total);
            for (const one of ['a', 'b', 'c']) {
              expect(held(one)).toBeLessThanOrEqual(perOwner);
              if (held() < total && held(one) < perOwner) expect(places.waitingOf(one)).toBe(0);
            }
          }
          for (const claim of claims) claim.release();
          expect(places.tryClaim('a')).toBeDefined();
        },
      ),
    );
  });
});
