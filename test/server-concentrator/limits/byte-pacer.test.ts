import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { BytePacer, type PacedFlow } from '../../../server-concentrator/limits/byte-pacer.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const clock = () => Date.now();

/** Without a rate it would never end. */
const MOST_TURNS = 600_000;

/** A flow that always has so many bytes to move. */
class Busy implements PacedFlow {
  moved = 0;
  bytes = 0;
  readonly turnsMs: number[] = [];
  readonly #pacer: BytePacer;
  readonly #pieceBytes: number;

  constructor(pacer: BytePacer, pieceBytes: number) {
    this.#pacer = pacer;
    this.#pieceBytes = pieceBytes;
  }

  goOn(): void {
    do {
      this.turnsMs.push(clock());
      this.bytes += this.#pieceBytes;
      this.#pacer.take(this, this.#pieceBytes);
    } while (!this.#pacer.mustWait && this.turnsMs.length < MOST_TURNS);
    this.#pacer.wait(this);
  }
}

it.each([
  [8_000, 1],
  [125_000, 10],
  [2_500_000, 100],
  [125_000_000, 3],
])('holds %d bytes a second over %d connections, and shares them', (rate, connections) => {
  const pacer = new BytePacer(clock);
  pacer.setRate(rate);
  const flows = Array.from({ length: connections }, () => new Busy(pacer, 16 * 1024));
  for (const flow of flows) flow.goOn();
  const seconds = 60;
  vi.advanceTimersByTime(seconds * 1_000);
  const all = flows.reduce((sum, { bytes }) => sum + bytes, 0);
  const burst = Math.max(64 * 1024, rate / 4) + connections * 16 * 1024;
  expect(all).toBeGreaterThan(rate * seconds * 0.95);
  expect(all).toBeLessThan(rate * seconds * 1.01 + burst);
  const [least, most] = [
    Math.min(...flows.map(({ bytes }) => bytes)),
    Math.max(...flows.map(({ bytes }) => bytes)),
  ];
  if (connections > 1 && rate / connections > 16 * 1024) expect(least / most).toBeGreaterThan(0.8);
});

it('lets one that says little go before those that are busy', () => {
  const pacer = new BytePacer(clock);
  pacer.setRate(125_000);
  const busy = Array.from({ length: 8 }, () => new Busy(pacer, 64 * 1024));
  for (const flow of busy) flow.goOn();
  vi.advanceTimersByTime(30_000);
  let turnMs = 0;
  const shell: PacedFlow = {
    moved: 0,
    goOn: () => {
      turnMs = clock();
    },
  };
  const askedMs = clock();
  pacer.wait(shell);
  vi.advanceTimersByTime(5_000);
  // A read of another is paid off first, at most two.
  expect(turnMs - askedMs).toBeLessThan(1_200);
});

it('drops datagrams beyond the rate, lets all go on when there is no rate any more, and forgets who is gone', () => {
  const pacer = new BytePacer(clock);
  pacer.setRate(125_000);
  let passed = 0;
  for (let ms = 0; ms < 10_000; ms++) {
    for (let i = 0; i < 4; i++) if (pacer.tryPass(1_000)) passed += 1_000;
    vi.advanceTimersByTime(1);
  }
  expect(passed).toBeGreaterThan(1_200_000);
  expect(passed).toBeLessThan(1_400_000);
  const gone = new Busy(pacer, 1_000_000);
  const stays = new Busy(pacer, 1_000);
  gone.goOn();
  stays.goOn();
  pacer.forget(gone);
  pacer.setRate(undefined);
  expect([gone.turnsMs.length, pacer.mustWait]).toEqual([1, false]);
  expect(pacer.tryPass(1e9)).toBe(true);
});
