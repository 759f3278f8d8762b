import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { MonotonicClock } from '../clock.ts';

/** File descriptors that the process has open, and may have (RLIMIT_NOFILE). */
export interface DescriptorUse {
  readonly open: number;
  readonly limit: number;
}

/** Reads both from the kernel; undefined where it does not tell. */
export interface DescriptorSource {
  readonly open: () => number | undefined;
  readonly limit: () => number | undefined;
  /** What is read counts for so long, since reading costs something. */
  readonly openAgeMs: number;
}

/** New work that takes a descriptor: a connection of an application or to an origin, or a subflow, without which streams end. */
export type DescriptorWork = 'stream' | 'subflow';

/**
 * Kept back for what the process has to go on with: /metrics, files, name servers, `ip`; and as much again for subflows. At
 * most an eighth of the limit.
 */
const RESERVED = 64;
/** For so long what was read of the limit counts, which may be changed while the process runs (prlimit). */
const LIMIT_AGE_MS = 1_000;
/** Where work would be refused, the number of open descriptors is read up to so many times as often. */
const LOOKS_BEFORE_REFUSAL = 5;

/**
 * Keeps the process below its limit of open file descriptors, so that it can refuse new work in its own words. At the limit
 * itself libuv closes new connections without telling anybody, and everything else that needs a descriptor fails.
 */
export class Descriptors {
  readonly #clock: MonotonicClock;
  readonly #onRefused: (work: DescriptorWork, use: DescriptorUse) => void;
  readonly #source: DescriptorSource;
  readonly #refused: Record<DescriptorWork, number> = { stream: 0, subflow: 0 };
  #open: number | undefined;
  #openReadMs = Number.NEGATIVE_INFINITY;
  #limit: number | undefined;
  #limitReadMs = Number.NEGATIVE_INFINITY;

  constructor(
    clock: MonotonicClock,
    onRefused: (work: DescriptorWork, use: DescriptorUse) => void,
    source: DescriptorSource = procSource(),
  ) {
    this.#clock = clock;
    this.#onRefused = onRefused;
    this.#source = source;
  }

  /** How often each kind of work was refused. */
  get refused(): Readonly<Record<DescriptorWork, number>> {
    return this.#refused;
  }

  /** Whether there is room for one more descriptor for this work. Where not, that is counted and told. */
  take(work: DescriptorWork): boolean {
    const { openAgeMs } = this.#source;
    this.#readLimit();
    this.#readOpen(this.#hasAmpleRoom ? LIMIT_AGE_MS : openAgeMs);
    // Those that were closed since the last look still count: before a refusal it is looked again.
    if (!this.#hasRoom(work)) this.#readOpen(openAgeMs / LOOKS_BEFORE_REFUSAL);
    const [open, limit] = [this.#open, this.#limit];
    if (open === undefined || limit === undefined) return true;
    if (this.#hasRoom(work)) {
      this.#open = open + 1;
      return true;
    }
    this.#refused[work] += 1;
    this.#onRefused(work, { open, limit });
    return false;
  }

  /** Far from the limit what was read is good for longer: what is taken counts at once, and nothing else opens thousands. */
  get #hasAmpleRoom(): boolean {
    return this.#open !== undefined && this.#limit !== undefined && this.#open < this.#limit / 2;
  }

  #hasRoom(work: DescriptorWork): boolean {
    const [open, limit] = [this.#open, this.#limit];
    if (open === undefined || limit === undefined) return true;
    return limit - open > Math.min(RESERVED, Math.floor(limit / 8)) * (work === 'stream' ? 2 : 1);
  }

  /** @param ageMs what was read counts for so long */
  #readOpen(ageMs: number): void {
    const nowMs = this.#clock();
    if (nowMs - this.#openReadMs < ageMs) return;
    this.#openReadMs = nowMs;
    this.#open = this.#source.open() ?? this.#open;
  }

  #readLimit(): void {
    const nowMs = this.#clock();
    if (nowMs - this.#limitReadMs >= LIMIT_AGE_MS) {
      this.#limitReadMs = nowMs;
      // Reading takes a descriptor itself: where there is none, the old limit counts.
      this.#limit = this.#source.limit() ?? this.#limit;
    }
  }
}

/**
 * How many descriptors this process may have, its soft limit, which Node has raised to the hard one; undefined where the system
 * does not tell, or has no limit.
 */
export function descriptorLimit(path = '/proc/self/limits'): number | undefined {
  const [, limit] = /^Max open files\s+(\d+)/m.exec(attempt(() => readFileSync(path, 'latin1')) ?? '') ?? [];
  return limit === undefined ? undefined : Number(limit);
}

function procSource(): DescriptorSource {
  // Linux tells the number as the size of the folder since 6.2, in microseconds. Before, it has to be counted.
  const isTold = (attempt(() => statSync(OPEN).size) ?? 0) > 0;
  return {
    open: () => attempt(() => (isTold ? statSync(OPEN).size : readdirSync(OPEN).length)),
    limit: descriptorLimit,
    openAgeMs: isTold ? 5 : 1_000,
  };
}

const OPEN = '/proc/self/fd';

/** Undefined where this is no Linux, or no descriptor is left. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
