import type { UplinkTraffic } from '../../shared/runtime/session/uplink-traffic.ts';

/** What an uplink carries, bits per second. */
export interface UplinkRate {
  readonly down: number;
  readonly up: number;
}

/** The history as the page takes it. The lists of all uplinks have the length of `times`. */
export interface HistoryReport {
  /** Milliseconds since 1970, ascending: when each second ended. */
  readonly times: readonly number[];
  readonly uplinks: readonly {
    readonly name: string;
    /** Bits per second. */
    readonly down: readonly number[];
    readonly up: readonly number[];
  }[];
}

/** An hour of seconds. */
const MAX_SAMPLES = 3_600;
/** What an uplink alone can do is the most that it has done in so many samples. */
const PEAK_SAMPLES = 30;
/** The machine has slept, or the clock was set: what was counted since belongs to no second. */
const MAX_GAP_MS = 10_000;
const NO_RATE: UplinkRate = { down: 0, up: 0 };

interface Track {
  readonly down: Float32Array;
  readonly up: Float32Array;
  sentBytes: number;
  receivedBytes: number;
}

/** What each uplink has carried in each second of the last hour. As many uplinks as the tables of traffic have. */
export class UplinkHistory {
  readonly #times = new Float64Array(MAX_SAMPLES);
  readonly #tracks = new Map<string, Track>();
  #count = 0;
  #lastMs: number | undefined;

  /**
   * Adds what was carried since the last call.
   * @param nowMs since 1970
   * @param totals bytes since the program began; an uplink may be named several times
   */
  add(nowMs: number, totals: Iterable<readonly [name: string, traffic: UplinkTraffic]>): void {
    const elapsedMs = nowMs - (this.#lastMs ?? nowMs);
    if (elapsedMs < 0) this.#count = 0;
    const isKnown = elapsedMs > 0 && elapsedMs <= MAX_GAP_MS;
    this.#lastMs = nowMs;
    const at = this.#count % MAX_SAMPLES;
    for (const [name, { sentBytes, receivedBytes }] of summed(totals)) {
      const track = this.#trackOf(name);
      track.down[at] = isKnown ? ((receivedBytes - track.receivedBytes) * 8_000) / elapsedMs : 0;
      track.up[at] = isKnown ? ((sentBytes - track.sentBytes) * 8_000) / elapsedMs : 0;
      track.sentBytes = sentBytes;
      track.receivedBytes = receivedBytes;
    }
    if (elapsedMs <= 0) return;
    this.#times[at] = nowMs;
    this.#count += 1;
  }

  /** When the last sample ended; 0 while there is none. */
  get lastMs(): number {
    return this.#count === 0 ? 0 : this.#times[(this.#count - 1) % MAX_SAMPLES]!;
  }

  /** What an uplink carried in the last second. */
  rateOf(name: string): UplinkRate {
    const track = this.#tracks.get(name);
    if (track === undefined || this.#count === 0) return NO_RATE;
    const at = (this.#count - 1) % MAX_SAMPLES;
    return { down: track.down[at]!, up: track.up[at]! };
  }

  /** The most that an uplink carried in one of the last seconds, each direction by itself. */
  peakOf(name: string): UplinkRate {
    const track = this.#tracks.get(name);
    if (track === undefined) return NO_RATE;
    let down = 0;
    let up = 0;
    for (let i = Math.max(0, this.#count - PEAK_SAMPLES); i < this.#count; i += 1) {
      down = Math.max(down, track.down[i % MAX_SAMPLES]!);
      up = Math.max(up, track.up[i % MAX_SAMPLES]!);
    }
    return { down, up };
  }

  /** All samples, or those after a time. */
  report(afterMs = 0): HistoryReport {
    const indices: number[] = [];
    for (let i = Math.max(0, this.#count - MAX_SAMPLES); i < this.#count; i += 1) {
      const at = i % MAX_SAMPLES;
      if (this.#times[at]! > afterMs) indices.push(at);
    }
    return {
      times: indices.map((at) => this.#times[at]!),
      uplinks: [...this.#tracks].map(([name, { down, up }]) => ({
        name,
        down: indices.map((at) => Math.round(down[at]!)),
        up: indices.map((at) => Math.round(up[at]!)),
      })),
    };
  }

  #trackOf(name: string): Track {
    let track = this.#tracks.get(name);
    if (track === undefined) {
      const empty = () => new Float32Array(MAX_SAMPLES);
      track = { down: empty(), up: empty(), sentBytes: 0, receivedBytes: 0 };
      this.#tracks.set(name, track);
    }
    return track;
  }
}

function summed(totals: Iterable<readonly [string, UplinkTraffic]>): Map<string, UplinkTraffic> {
  const sums = new Map<string, UplinkTraffic>();
  for (const [name, { sentBytes, receivedBytes }] of totals) {
    const sum = sums.get(name) ?? { sentBytes: 0, receivedBytes: 0 };
    sums.set(name, {
      sentBytes: sum.sentBytes + sentBytes,
      receivedBytes: sum.receivedBytes + receivedBytes,
    });
  }
  return sums;
}
