import { describe, expect, it } from 'vitest';
import type { UplinkShape } from './network.ts';
import { connectedWorld, download, megabitsPerSecond, steadyUplink, timeOf } from './steady.ts';

const wide = steadyUplink('wide', { downMbit: 20, roundTripMs: 40 });
const far = steadyUplink('far', { downMbit: 5, roundTripMs: 130 });
const near = steadyUplink('near', { downMbit: 20, roundTripMs: 20 });
const crawling = steadyUplink('crawling', { downMbit: 1, roundTripMs: 600 });

/** Goodput of one download, opening included, in Mbit/s of virtual time. */
function goodput(bytes: number, ...uplinks: UplinkShape[]): number {
  return megabitsPerSecond(bytes, timeOf(connectedWorld(...uplinks), download(bytes)));
}

describe('a bulk download', () => {
  it('gets nine tenths of the sum of two equal uplinks', () => {
    const twin = steadyUplink('twin', { downMbit: 20, roundTripMs: 40 });
    expect(goodput(40_000_000, wide, twin)).toBeGreaterThan(0.9 * 40);
  });

  it('gets nine tenths of the sum of four uplinks', () => {
    const uplinks = [1, 2, 3, 4].map((n) => steadyUplink(`wan${n}`, { downMbit: 50, roundTripMs: 30 }));
    expect(goodput(100_000_000, ...uplinks)).toBeGreaterThan(0.9 * 200);
  });

  it('gets nine tenths of the sum of 20 Mbit/s with 40 ms and 5 Mbit/s with 130 ms', () => {
    expect(goodput(30_000_000, wide, far)).toBeGreaterThan(0.9 * 25);
  });

  it('gets nine tenths of the sum of 100 Mbit/s with 20 ms and 20 Mbit/s with 100 ms', () => {
    const fast = steadyUplink('fast', { downMbit: 100, roundTripMs: 20 });
    const slow = steadyUplink('slow', { downMbit: 20, roundTripMs: 100 });
    expect(goodput(100_000_000, fast, slow)).toBeGreaterThan(0.9 * 120);
  });

  it.each([50_000, 500_000, 5_000_000])(
    'of %i bytes is not slower with a farther uplink than without',
    (bytes) => {
      expect(goodput(bytes, wide, far)).toBeGreaterThan(0.97 * goodput(bytes, wide));
    },
  );

  it.each([50_000, 200_000, 2_000_000, 20_000_000])(
    'of %i bytes loses at most 3 % by an uplink of 1 Mbit/s with 600 ms',
    (bytes) => {
      expect(goodput(bytes, near, crawling)).toBeGreaterThan(0.97 * goodput(bytes, near));
    },
  );
});
