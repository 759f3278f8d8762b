import { capacity } from './mix.ts';
import type { UplinkShape } from './network.ts';
import { download, eager, finishTime } from './steady.ts';
import { type StreamRun, type StreamSpec, World, type WorldOptions } from './world.ts';

const MORE_THAN_ARRIVES = 10_000_000_000;
const UPLOAD: StreamSpec = { ...download(0), client: eager(MORE_THAN_ARRIVES), origin: eager(0) };

/** What arrived of a transfer in a stretch of time. */
export interface Stretch {
  /** Bytes per millisecond. */
  readonly rate: number;
  /** The longest time without any. */
  readonly gapMs: number;
}

/** A transfer that does not end. */
export class Transfer {
  readonly #world: World;
  readonly #run: StreamRun;
  readonly #direction: 'up' | 'down';
  #sinceMs: number;
  #sinceBytes = 0;

  constructor(world: World, direction: 'up' | 'down') {
    this.#world = world;
    this.#direction = direction;
    this.#run = world.openStream(direction === 'down' ? download(MORE_THAN_ARRIVES) : UPLOAD)!;
    this.#sinceMs = world.clock.nowMs;
  }

  /** What has arrived since the last call, or since the transfer began. */
  take(): Stretch {
    const { nowMs } = this.#world.clock;
    const reader = this.#direction === 'down' ? this.#run.client : this.#run.origin;
    const { receivedBytes = 0, longestGapMs = 0, lastArrivalMs = this.#sinceMs } = reader ?? {};
    const rate = (receivedBytes - this.#sinceBytes) / (nowMs - this.#sinceMs);
    const gapMs = Math.max(longestGapMs, nowMs - lastArrivalMs);
    if (reader !== undefined) reader.longestGapMs = 0;
    this.#sinceMs = nowMs;
    this.#sinceBytes = receivedBytes;
    return { rate, gapMs };
  }
}

/** A world whose uplinks are all connected and idle. */
export function worldOf(uplinks: readonly UplinkShape[], more: Partial<WorldOptions> = {}): World {
  const world = new World({ seed: 1, uplinks, measures: true, ...more });
  world.connect();
  world.advance(3_000);
  return world;
}

/** Goodput of one transfer over what its uplinks carry: for so long, behind its start. */
export function shareOf(
  uplinks: readonly UplinkShape[],
  direction: 'up' | 'down',
  { settleMs = 3_000, runMs = 6_000, ...more }: Partial<WorldOptions> & { settleMs?: number; runMs?: number } = {},
): number {
  const world = worldOf(uplinks, more);
  const transfer = new Transfer(world, direction);
  world.advance(settleMs);
  transfer.take();
  world.advance(runMs);
  return transfer.take().rate / capacity(uplinks, direction);
}

/** The times of so many fetches of 10 kB, one after the other, in ascending order. */
export function fetchTimes(world: World, count: number, pauseMs = 37): number[] {
  const times = Array.from({ length: count }, () => {
    const run = world.openStream(download(10_000))!;
    const ms = finishTime(world, run);
    world.advance(pauseMs);
    return ms;
  });
  return times.sort((a, b) => a - b);
}

/** @param share of the values, in ascending order, that are as small or smaller */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}
