import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { raceSizes } from '../../../client-proxy/packet-size/size-race.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';

/** How a connection with packets of one length goes. */
interface Course {
  /** Until TCP is there; never where absent. */
  readonly connectMs?: number;
  /** Until it has carried, or failed, from its start on; never where absent. */
  readonly carriesMs?: number;
  readonly failsMs?: number;
  /** It fails since nothing came for so long. */
  readonly timesOutMs?: number;
  readonly isLowered?: boolean;
  /** The other end has all that was sent. */
  readonly isHeard?: boolean;
}

const CANDIDATES = [undefined, 1280, 1024, 576];

/** A race over a path on which connections go so, by their place among the candidates. */
function bed(courses: readonly Course[], candidates: readonly (number | undefined)[] = CANDIDATES) {
  const cancellation = new Cancellation();
  const started: (readonly [number | undefined, number])[] = [];
  const results: (number | undefined)[] = [];
  const beganMs = performance.now();
  let open = 0;
  const result = raceSizes({
    candidates,
    connect(packetBytes, onConnected, signal) {
      started.push([packetBytes, performance.now() - beganMs]);
      const {
        connectMs,
        carriesMs,
        failsMs,
        timesOutMs,
        isLowered = false,
        isHeard = false,
      } = courses[candidates.indexOf(packetBytes)]!;
      return new Promise<{ packetBytes: number | undefined; isLowered: boolean; destroy(): void }>(
        (resolve, reject) => {
          const timers = [
            connectMs !== undefined && setTimeout(() => onConnected(() => isHeard), connectMs),
            carriesMs !== undefined &&
              setTimeout(() => {
                open++;
                resolve({ packetBytes, isLowered, destroy: () => void open-- });
              }, carriesMs),
            failsMs !== undefined &&
              setTimeout(() => reject(new Error(`failed with ${packetBytes}`)), failsMs),
            timesOutMs !== undefined && setTimeout(() => reject(new Error('timed out')), timesOutMs),
          ];
          signal.addEventListener('abort', () => {
            for (const timer of timers) if (timer !== false) clearTimeout(timer);
            reject(signal.reason);
          });
        },
      );
    },
    isLowered: (connection) => connection.isLowered,
    isStandstill: (error) => (error as Error).message === 'timed out',
    onResult: (packetBytes) => results.push(packetBytes),
    clock: () => performance.now(),
    signal: cancellation,
  });
  result.catch(() => {});
  return { result, cancellation, started, results, open: () => open };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const GOOD: Course = { connectMs: 20, carriesMs: 60 };
const HOLE: Course = { connectMs: 20 };

describe('a race of lengths', () => {
  it.each([
    { name: 'a good path', courses: [GOOD], wins: undefined, tried: [[undefined, 0]], learns: [undefined] },
    {
      name: 'a slow path: four round trips of 400 ms',
      courses: [{ connectMs: 400, carriesMs: 1440 }],
      wins: undefined,
      tried: [[undefined, 0]],
      learns: [undefined],
    },
    {
      name: 'above 1280 bytes packets vanish',
      courses: [HOLE, GOOD],
      wins: 1280,
      tried: [
        [undefined, 0],
        [1280, 310],
      ],
      learns: [1280],
    },
    {
      name: 'above 600',
      courses: [HOLE, HOLE, HOLE, GOOD],
      wins: 576,
      tried: [
        [undefined, 0],
        [1280, 310],
        [1024, 620],
        [576, 930],
      ],
      learns: [576],
    },
    {
      name: 'a packet was lost: the long one comes later',
      courses: [{ connectMs: 20, carriesMs: 900 }, GOOD],
      wins: 1280,
      tried: [
        [undefined, 0],
        [1280, 310],
      ],
      learns: [undefined],
    },
    {
      name: 'the kernel found the length by itself, later',
      courses: [{ connectMs: 20, carriesMs: 900, isLowered: true }, GOOD],
      wins: 1280,
      tried: [
        [undefined, 0],
        [1280, 310],
      ],
      learns: [1280],
    },
    {
      name: 'the long one comes first after all',
      courses: [{ connectMs: 20, carriesMs: 330 }, GOOD],
      wins: undefined,
      tried: [
        [undefined, 0],
        [1280, 310],
      ],
      learns: [undefined],
    },
    {
      name: 'the long one is reset while the short one is under way',
      courses: [{ connectMs: 20, failsMs: 320 }, GOOD],
      wins: 1280,
      tried: [
        [undefined, 0],
        [1280, 310],
      ],
      learns: [1280],
    },
  ])('$name', async ({ courses, wins, tried, learns }) => {
    const { result, started, results, open } = bed(courses);
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await result).packetBytes).toBe(wins);
    expect(started).toEqual(tried);
    expect(results).toEqual(learns);
    expect(open()).toBe(1);
  });

  it('tries two more, later, where the other end may be busy', async () => {
    const busy = { ...HOLE, isHeard: true };
    const { result, started, cancellation } = bed([busy, busy, busy, busy]);
    await vi.advanceTimersByTimeAsync(9_000);
    expect(started).toEqual([
      [undefined, 0],
      [1280, 1060],
      [576, 3120],
    ]);
    cancellation.abort(new Error('not wanted'));
    await expect(result).rejects.toThrow('not wanted');
  });

  it('finds the length where the request gets through, and the answer does not', async () => {
    const unanswered = { ...HOLE, isHeard: true, timesOutMs: 5_000 };
    const { result, results } = bed([unanswered, unanswered, unanswered, GOOD]);
    await vi.advanceTimersByTimeAsync(6_000);
    expect((await result).packetBytes).toBe(576);
    expect(results).toEqual([576]);
  });

  it.each([
    ['both are displaced later', { failsMs: 4_000 }, { failsMs: 2_500 }],
    ['the first is displaced before, and the second stands still', { failsMs: 2_000 }, {}],
  ])('learns nothing of lengths from a busy end that answers the last: %s', async (_, first, second) => {
    const busy = { ...HOLE, isHeard: true };
    const { result, results, open } = bed([{ ...busy, ...first }, { ...busy, ...second }, busy, GOOD]);
    await vi.advanceTimersByTimeAsync(9_000);
    expect((await result).packetBytes).toBe(576);
    expect(results).toEqual([]);
    expect(open()).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('learns from a busy end that a longer one carries, though another was displaced', async () => {
    const busy = { ...HOLE, isHeard: true };
    const { result, results } = bed([{ ...busy, carriesMs: 4_000 }, { ...busy, failsMs: 2_500 }, busy, GOOD]);
    await vi.advanceTimersByTimeAsync(9_000);
    expect((await result).packetBytes).toBe(576);
    expect(results).toEqual([undefined]);
  });

  it('learns from a busy end that the second length carries, whatever becomes of the last', async () => {
    const unanswered = { ...HOLE, isHeard: true };
    const { result, results } = bed([unanswered, { connectMs: 20, carriesMs: 2_200 }, unanswered, HOLE]);
    await vi.advanceTimersByTimeAsync(9_000);
    expect((await result).packetBytes).toBe(1280);
    expect(results).toEqual([1280]);
  });

  it('does not try shorter packets where TCP does not connect, or fails', async () => {
    const silent = bed([{ failsMs: 4_000 }]);
    const refused = bed([{ connectMs: 20, failsMs: 100 }]);
    await vi.advanceTimersByTimeAsync(5_000);
    await expect(silent.result).rejects.toThrow('failed with undefined');
    await expect(refused.result).rejects.toThrow('failed with undefined');
    expect([silent.started, refused.started].map(({ length }) => length)).toEqual([1, 1]);
    expect(silent.results).toEqual([]);
  });

  it('ends all when it is given up, and when nothing carries', async () => {
    const given = bed([HOLE, HOLE]);
    await vi.advanceTimersByTimeAsync(400);
    given.cancellation.abort(new Error('not wanted'));
    await expect(given.result).rejects.toThrow('not wanted');
    const none = bed(CANDIDATES.map(() => ({ connectMs: 20, failsMs: 3_000 })));
    await vi.advanceTimersByTimeAsync(5_000);
    await expect(none.result).rejects.toThrow('failed with 576');
    expect(none.results).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
