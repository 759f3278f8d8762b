import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BytePacer } from '../../../server-concentrator/limits/byte-pacer.ts';
import { PacedSocket } from '../../../server-concentrator/limits/paced-socket.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import type { AppSocketHandlers } from '../../../shared/runtime/app/app-socket.ts';
import { FakeAppSocket } from '../../support/fake-app-socket.ts';

/*
 * What the connections of one client have of its rate, in virtual time: a long download, a shell, and short connections that come all the
 * time.
 */

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const READ_BYTES = 16 * 1024;
const OBJECT_BYTES = 16 * 1024;
const ECHO_BYTES = 100;
const clock = () => Date.now();

/** An origin that says what the test lets it say, a read at a time. */
class Origin extends FakeAppSocket {
  readonly #isLate: boolean;
  #leftBytes = 0;
  #isReading = false;
  #handlers: AppSocketHandlers | undefined;

  /** @param isLate its bytes come a moment after it is read, as those of a real one do */
  constructor(isLate: boolean) {
    super();
    this.#isLate = isLate;
  }

  say(bytes: number): void {
    this.#leftBytes += bytes;
    this.#read();
  }

  override setHandlers(handlers?: AppSocketHandlers): void {
    this.#handlers = handlers;
  }

  override resume(): void {
    this.#isReading = true;
    if (this.#isLate) setTimeout(() => this.#read());
    else this.#read();
  }

  override pause(): void {
    this.#isReading = false;
  }

  #read(): void {
    while (this.#isReading && this.#leftBytes > 0) {
      const length = Math.min(READ_BYTES, this.#leftBytes);
      this.#leftBytes -= length;
      this.#handlers?.onChunk(new OwnBytes(new Uint8Array(length)));
    }
  }
}

function client(rate: number, memoryBytes = 1e9) {
  const pacers = { down: new BytePacer(clock), up: new BytePacer(clock) };
  pacers.down.setRate(rate);
  const memory = new MemoryBudget(memoryBytes);
  /** A connection whose origin says so much at once. @param onAll all of it has come */
  const open = (bytes: number, onAll: () => void = () => {}) => {
    const origin = new Origin(memoryBytes === 0);
    const socket = new PacedSocket(origin, pacers, memory);
    const flow = { origin, bytes: 0 };
    socket.setHandlers({
      onChunk: (chunk) => {
        flow.bytes += chunk.bytes.length;
        if (flow.bytes === bytes) onAll();
      },
      ...{ onEnd: () => {}, onDrain: () => {}, onClose: () => {} },
    });
    socket.resume();
    origin.say(bytes);
    return flow;
  };
  return { open };
}

/** Each echo of a shell must have come before the next key is pressed. @returns how long they took */
function shellOf({ open }: ReturnType<typeof client>, everyMs: number): readonly number[] {
  const tookMs: number[] = [];
  const shell = open(ECHO_BYTES);
  let askedMs = clock();
  let expected = shell.bytes;
  setInterval(() => {
    if (shell.bytes < expected) return;
    expected += ECHO_BYTES;
    askedMs = clock();
    shell.origin.say(ECHO_BYTES);
  }, everyMs);
  setInterval(() => {
    if (shell.bytes === expected && askedMs > 0) tookMs.push(clock() - askedMs);
    if (shell.bytes === expected) askedMs = 0;
  }, 1);
  return tookMs;
}

const worst = (values: readonly number[]) => Math.max(...values);
const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

describe('one rate', () => {
  // What short connections ask for, as a part of the rate; what the download has at least; how long an object takes at most in the
  // median, as a multiple of the time that it needs alone.
  it.each([
    [8_000, 0.3, 0.6, 3],
    [125_000, 0.3, 0.6, 3],
    [2_500_000, 0.3, 0.6, 6],
    [8_000, 1, 0.4, undefined],
    [125_000, 2, 0.4, undefined],
    [2_500_000, 2, 0.4, undefined],
  ])(
    'of %d bytes a second: short connections want %f of it, and a download keeps %f',
    (rate, part, least, times) => {
      const it = client(rate);
      const seconds = rate > 1e6 ? 20 : 60;
      const tookMs: number[] = [];
      const objects: { readonly bytes: number }[] = [];
      const echoes = shellOf(it, 500);
      vi.advanceTimersByTime(10_000);
      const download = it.open(1e9);
      setInterval(
        () => {
          const startMs = clock();
          objects.push(it.open(OBJECT_BYTES, () => tookMs.push(clock() - startMs)));
        },
        (OBJECT_BYTES / rate / part) * 1_000,
      );
      vi.advanceTimersByTime(seconds * 1_000);
      const share = download.bytes / rate / seconds;
      const all = share + objects.reduce((sum, { bytes }) => sum + bytes, 0) / rate / seconds;
      const alone = (OBJECT_BYTES / rate) * 1_000;
      console.log(
        `${rate} B/s, short ${part}: download ${share.toFixed(2)}, all ${all.toFixed(2)}, objects ${tookMs.length} ` +
          `median ${median(tookMs)} ms (alone ${alone.toFixed(0)}), echo at most ${worst(echoes)} ms`,
      );
      expect(share).toBeGreaterThan(least);
      expect(all).toBeGreaterThan(0.9);
      expect(all).toBeLessThan(1.2);
      if (times !== undefined) expect(median(tookMs)).toBeLessThan(Math.max(30, alone * times));
      // A turn of each other kind, and the step of the timer.
      expect(worst(echoes)).toBeLessThan(Math.max(100, (3 * 2_048 * 1_000) / rate));
    },
  );

  it.each([8_000, 125_000, 2_500_000])(
    'of %d bytes a second, without memory to hold reads: short connections do not stop a download',
    (rate) => {
      const { open } = client(rate, 0);
      const seconds = rate > 1e6 ? 20 : 60;
      const download = open(1e9);
      vi.advanceTimersByTime(10_000);
      const before = download.bytes;
      setInterval(() => open(OBJECT_BYTES), (OBJECT_BYTES / rate / 2) * 1_000);
      vi.advanceTimersByTime(seconds * 1_000);
      const share = (download.bytes - before) / rate / seconds;
      console.log(`${rate} B/s, no memory: download ${share.toFixed(2)}`);
      expect(share).toBeGreaterThan(0.4);
    },
  );

  it.each([
    [8_000, 300],
    [125_000, 60],
    [2_500_000, 20],
  ])('of %d bytes a second: five hundred downloads and a shell, for %d s', (rate, seconds) => {
    const it = client(rate);
    const echoes = shellOf(it, 500);
    vi.advanceTimersByTime(10_000);
    const downloads = Array.from({ length: 500 }, () => it.open(1e9));
    vi.advanceTimersByTime(seconds * 1_000);
    const all = downloads.reduce((sum, { bytes }) => sum + bytes, 0);
    const served = downloads.filter(({ bytes }) => bytes > 0).length;
    console.log(`${rate} B/s, 500 downloads: ${served} served, echo at most ${worst(echoes)} ms`);
    expect(all / rate / seconds).toBeGreaterThan(0.9);
    expect(all).toBeLessThan(seconds * rate * 1.01 + Math.max(64 * 1024, rate / 4) + 500);
    expect(served).toBe(500);
    expect(worst(echoes)).toBeLessThan(Math.max(100, (3 * 2_048 * 1_000) / rate));
  });
});
