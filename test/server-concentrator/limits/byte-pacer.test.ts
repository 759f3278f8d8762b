import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { BytePacer } from '../../../server-concentrator/limits/byte-pacer.ts';
import { type PacedFlow, pacedFlow } from '../../../server-concentrator/limits/flow-line.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const clock = () => Date.now();

/** One that always has more to move, a piece at a time. */
class Busy {
  bytes = 0;
  readonly turnsMs: number[] = [];
  readonly #flow: PacedFlow;

  constructor(pacer: BytePacer, pieceBytes: number) {
    this.#flow = pacedFlow((maxBytes) => {
      this.turnsMs.push(clock());
      // Without a rate it would never end.
      if (maxBytes === Number.POSITIVE_INFINITY) return;
      const bytes = Math.min(pieceBytes, maxBytes);
      this.bytes += bytes;
      pacer.take(this.#flow, bytes);
      pacer.wait(this.#flow);
    });
    pacer.wait(this.#flow);
  }

  forget(pacer: BytePacer): void {
    pacer.forget(this.#flow);
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

it('lets one that says little go before those that are busy, however many they are', () => {
  const pacer = new BytePacer(clock);
  pacer.setRate(125_000);
  for (let i = 0; i < 500; i++) new Busy(pacer, 64 * 1024);
  let turnMs = Number.NaN;
  const shell = pacedFlow(() => {
    turnMs = clock();
  });
  pacer.take(shell, 3_000);
  vi.advanceTimersByTime(30_000);
  const askedMs = clock();
  pacer.wait(shell);
  vi.advanceTimersByTime(5_000);
  // Two turns of others at most, each of 20 ms, and the step of the timer.
  expect(turnMs - askedMs).toBeLessThanOrEqual(60);
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
  gone.forget(pacer);
  pacer.setRate(undefined);
  expect([gone.turnsMs.length, stays.turnsMs.length]).toEqual([0, 1]);
  expect([pacer.roomBytes, pacer.tryPass(1e9)]).toEqual([Number.POSITIVE_INFINITY, true]);
});

it('lets those that wait for what was owed by a lower rate go on by the higher one at once', () => {
  const pacer = new BytePacer(clock);
  pacer.setRate(8_000);
  const flow = new Busy(pacer, 16 * 1024);
  // A minute's worth.
  pacer.take(
    pacedFlow(() => {}),
    480_000,
  );
  vi.advanceTimersByTime(1_000);
  const before = flow.bytes;
  pacer.setRate(2_500_000);
  vi.advanceTimersByTime(1_000);
  expect(flow.bytes - before).toBeGreaterThan(2_500_000 * 0.95);
});

it.each([8_000, 125_000, 2_500_000])('gives flows and datagrams a half each of %d bytes a second', (rate) => {
  const pacer = new BytePacer(clock);
  pacer.setRate(rate);
  const download = new Busy(pacer, 16 * 1024);
  let passed = 0;
  let asked = 0;
  const names = { asked: 0, passed: 0 };
  for (let ms = 0; ms < 60_000; ms++) {
    // Twice the rate, in datagrams of 1,000 bytes.
    for (asked += (2 * rate) / 1_000; asked >= 1_000; asked -= 1_000)
      if (pacer.tryPass(1_000)) passed += 1_000;
    vi.advanceTimersByTime(1);
  }
  for (let i = 0; i < 100; i++) {
    // Alone beside the download, few are never dropped.
    vi.advanceTimersByTime(500);
    names.asked++;
    if (pacer.tryPass(100)) names.passed++;
  }
  console.log(
    `${rate} B/s: datagrams ${(passed / rate / 60).toFixed(2)}, download ${(download.bytes / rate / 110).toFixed(2)}`,
  );
  expect(passed / rate / 60).toBeGreaterThan(0.45);
  expect(download.bytes / rate).toBeGreaterThan(60 * 0.45 + 50 * 0.9);
  expect(passed + download.bytes).toBeLessThan(rate * 110 * 1.01 + 64 * 1024);
  expect(names.passed).toBe(names.asked);
});
