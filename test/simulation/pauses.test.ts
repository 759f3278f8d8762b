import { describe, expect, it } from 'vitest';
import {
  type Outcome,
  type Pauses,
  type PausingUplink,
  pauseAgainAndAgain,
  pausingUplink,
  RUN_MS,
  runPair,
  runPlainTcp,
} from './pausing.ts';
import { connectedWorld, download, megabitsPerSecond } from './steady.ts';

/** Receipts wait 5 ms, frames are cut into pieces of 5 ms, and a path that stands still is asked every 10 ms. */
const GRANULARITY_MS = 30;
/** Set to `all` for every combination, which takes some minutes. */
const isWhole = process.env.TRIBUTARY_PAUSES === 'all';

interface Case {
  readonly mbit: number;
  readonly roundTripMs: number;
  readonly bound: 'loss' | 'rate';
  readonly pauseMs: number;
  readonly periodMs: number;
}

/** `20/40 rate 200/800`: 20 Mbit/s and 40 ms, not bound by losses, pauses of 200 ms every 800. */
function caseOf(text: string): Case {
  const [, mbit, roundTripMs, bound, pauseMs, periodMs] = /^(\d+)\/(\d+) (loss|rate) (\d+)\/(\d+)$/.exec(
    text,
  )!;
  return {
    mbit: Number(mbit),
    roundTripMs: Number(roundTripMs),
    bound: bound as Case['bound'],
    pauseMs: Number(pauseMs),
    periodMs: Number(periodMs),
  };
}

/** Those of the list, or all that there are. */
function cases(...thinned: string[]): string[] {
  if (!isWhole) return thinned;
  return ['20/40', '50/20', '5/100'].flatMap((link) =>
    ['rate', 'loss'].flatMap((bound) =>
      [50, 100, 200, 400, 800].flatMap((pauseMs) =>
        [300, 500, 800, 1_300, 2_000, 3_000, 5_000]
          .filter((periodMs) => pauseMs < periodMs)
          .map((periodMs) => `${link} ${bound} ${pauseMs}/${periodMs}`),
      ),
    ),
  );
}

/** The second uplink's way is a quarter longer. */
function uplinks(
  text: string,
  packets: Pauses['packets'],
  ...phases: (number | undefined)[]
): PausingUplink[] {
  const { mbit, roundTripMs, bound, pauseMs, periodMs } = caseOf(text);
  return phases.map((phase, index) => ({
    shape: pausingUplink(`uplink${index}`, { mbit, roundTripMs: roundTripMs * (1 + index / 4), bound }),
    pauses:
      phase === undefined ? undefined : { pauseMs, periodMs, fromMs: 1_000 + phase * periodMs, packets },
  }));
}

function longestRoundTripMs(all: readonly PausingUplink[]): number {
  return Math.max(...all.map(({ shape }) => shape.up.delayMs + shape.down.delayMs));
}

function plainBytes(all: readonly PausingUplink[]): number {
  return all.reduce((sum, uplink) => sum + runPlainTcp(uplink).bytes, 0);
}

/** Goodput over that of plain TCP on the same uplinks, and how much longer than it must the stream stood still. */
function judge(all: readonly PausingUplink[], outcome: Outcome): { share: number; excessMs: number } {
  const pauseMs = Math.max(...all.map(({ pauses }) => pauses?.pauseMs ?? 0));
  const { bytes, standstillMs, kernelWaitMs } = outcome;
  return {
    share: bytes / plainBytes(all),
    excessMs: standstillMs - pauseMs - kernelWaitMs - 2 * longestRoundTripMs(all),
  };
}

function expectAsGoodAsPlainTcp(all: readonly PausingUplink[], outcome: Outcome, least = 0.95): void {
  const { share, excessMs } = judge(all, outcome);
  expect(share).toBeGreaterThan(least);
  expect(excessMs).toBeLessThan(GRANULARITY_MS);
}

describe('where packets wait for the end of a pause, a pair gets what plain TCP gets', () => {
  it.each(
    cases(
      '20/40 rate 200/800',
      '20/40 loss 400/500',
      '50/20 rate 50/300',
      '50/20 loss 800/1300',
      '5/100 rate 200/300',
      '5/100 loss 400/2000',
    ),
  )('on one uplink: %s', (text) => {
    const all = uplinks(text, 'wait', 0);
    expectAsGoodAsPlainTcp(all, runPair(all));
  });

  it.each(['20/40 rate 200/800', '5/100 loss 100/500'])('in an upload: %s', (text) => {
    const all = uplinks(text, 'wait', 0);
    expectAsGoodAsPlainTcp(all, runPair(all, 'up'));
  });

  it.each(
    cases('20/40 rate 200/800', '50/20 loss 400/1300', '5/100 rate 800/2000', '5/100 loss 200/500').filter(
      (text) => hasRoomFor(text, 2),
    ),
  )('on two uplinks that pause together: %s', (text) => {
    const all = uplinks(text, 'wait', 0, 0);
    expectAsGoodAsPlainTcp(all, runPair(all));
  });
});

/** Whether there are so many round trips between two pauses: with less nobody learns what an uplink can. */
function hasRoomFor(text: string, roundTrips: number): boolean {
  const { roundTripMs, pauseMs, periodMs } = caseOf(text);
  return periodMs - pauseMs >= roundTrips * roundTripMs;
}

/** Where the kernels' time-outs fall into one pause after the other, chance decides who gets how little. */
function isLottery(all: readonly PausingUplink[], text: string): boolean {
  const { mbit, pauseMs, periodMs } = caseOf(text);
  const leftBytes = all.length * mbit * 125 * RUN_MS * (1 - pauseMs / periodMs);
  return plainBytes(all) < 0.3 * leftBytes;
}

describe('where packets vanish in a pause, a pair gets what plain TCP gets', () => {
  /** The kernels' time-outs fall where they fall: one run may do better, the next worse. */
  const least = isWhole ? 0.8 : 0.95;

  it.each(cases('20/40 rate 200/800', '50/20 rate 100/800', '50/20 loss 200/800', '5/100 rate 400/2000'))(
    'on one uplink: %s',
    (text) => {
      const all = uplinks(text, 'vanish', 0);
      if (isWhole && isLottery(all, text)) return;
      expectAsGoodAsPlainTcp(all, runPair(all), least);
    },
  );

  it.each(cases('20/40 rate 200/800', '50/20 loss 200/1300'))(
    'on two uplinks that pause together: %s',
    (text) => {
      const all = uplinks(text, 'vanish', 0, 0);
      if (isWhole && isLottery(all, text)) return;
      expectAsGoodAsPlainTcp(all, runPair(all), least);
    },
  );
});

describe('two uplinks of which one works while the other pauses', () => {
  it.each([
    ['20/40 rate 200/800', 'wait'],
    ['50/20 rate 200/800', 'vanish'],
  ] as const)('carry on, and neither waits for long: %s, packets %s', (text, packets) => {
    const all = uplinks(text, packets, 0, 0.5);
    const { share, excessMs } = judge(all, runPair(all));
    expect(share).toBeGreaterThan(0.6);
    expect(excessMs).toBeLessThan(GRANULARITY_MS);
  });

  it('leave the one that pauses again and again more and more to itself', () => {
    const all = uplinks('20/40 rate 200/800', 'wait', 0, undefined);
    const { share } = judge(all, runPair(all));
    expect(share).toBeGreaterThan(0.6);
    expect(share).toBeLessThan(0.9);
  });
});

describe('a redundant stream on one uplink that pauses', () => {
  it('repeats nothing', () => {
    const world = connectedWorld(pausingUplink('lte', { mbit: 20, roundTripMs: 40, bound: 'rate' }));
    const pauses = { pauseMs: 200, periodMs: 800, fromMs: 500, packets: 'wait' } as const;
    pauseAgainAndAgain(world.clock, world.uplinks[0]!, pauses, world.clock.nowMs + 10_000);
    const run = world.openStream(download(Number.MAX_SAFE_INTEGER), { mode: 'redundant' })!;
    world.advance(10_000);
    expect(megabitsPerSecond(run.client.receivedBytes, 10_000)).toBeGreaterThan(12);
    const { redundantBytes, reinjectedBytes } = world.ends.concentrator.session.snapshot().statistics;
    expect({ redundantBytes, reinjectedBytes }).toEqual({ redundantBytes: 0, reinjectedBytes: 0 });
  });
});

describe('an uplink that comes back from a pause as another one', () => {
  it('with ten times the round trip, is filled again within seconds', () => {
    const world = connectedWorld(pausingUplink('lte', { mbit: 20, roundTripMs: 40, bound: 'rate' }));
    const run = world.openStream(download(Number.MAX_SAFE_INTEGER))!;
    world.advance(3_000);
    const uplink = world.uplinks[0]!;
    uplink.pause('wait');
    world.advance(500);
    for (const { shape } of [uplink.links.up, uplink.links.down]) shape.delayMs = 200;
    uplink.resume('wait', world.clock.nowMs);
    world.advance(4_000);
    const before = run.client.receivedBytes;
    world.advance(2_000);
    expect(megabitsPerSecond(run.client.receivedBytes - before, 2_000)).toBeGreaterThan(18);
  });
});
