import type { UplinkShape } from './network.ts';
import { download, eager } from './steady.ts';
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

  /** What arrives in the next so many milliseconds. */
  run(ms: number): Stretch {
    this.skip();
    this.#world.advance(ms);
    return this.skip();
  }

  /** The next stretch begins now. @returns what has arrived since the last one began */
  skip(): Stretch {
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
export function idleWorld(uplinks: readonly UplinkShape[], more: Partial<WorldOptions> = {}): World {
  const world = new World({ seed: 1, uplinks, measures: true, ...more });
  world.connect();
  world.advance(3_000);
  return world;
}
