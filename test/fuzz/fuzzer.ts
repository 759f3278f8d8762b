import { Random } from '../simulation/random.ts';
import { CoverageMap } from './coverage-map.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { type Dictionary, Mutator } from './mutator.ts';

/** An input that the program did not take well. */
export interface Finding {
  readonly input: Uint8Array;
  readonly error: unknown;
}

export interface FuzzerOptions {
  readonly target: FuzzTarget;
  /** What the instrumented program counts in. */
  readonly counters: Uint8Array;
  readonly dictionary: Dictionary;
  /** Inputs of earlier runs. */
  readonly corpus: readonly Uint8Array[];
  readonly seed: number;
  /** Is told of each input before it is run: it may never come back. */
  onInput?(input: Uint8Array): void;
}

/** Of a new input so many shorter ones are tried. */
const MAX_TRIMS = 32;
/** A finding is made shorter by so many tries. */
const MAX_SHRINKS = 2_000;
/** The most recent inputs are tried this often instead of any: what is next to them is not known yet. */
const RECENT_SHARE = 0.5;
const RECENT_INPUTS = 16;

/**
 * Looks for inputs that a target throws for, led by coverage as AFL and libFuzzer are: what reaches something new is kept, and
 * changed further.
 */
export class Fuzzer {
  executions = 0;
  readonly #options: FuzzerOptions;
  readonly #coverage: CoverageMap;
  readonly #mutator: Mutator;
  readonly #random: Random;
  readonly #corpus: Uint8Array[] = [];
  #first: readonly Uint8Array[];

  constructor(options: FuzzerOptions) {
    const { target, dictionary, seed } = options;
    this.#options = options;
    this.#coverage = new CoverageMap(options.counters);
    this.#mutator = new Mutator(seed, dictionary, target.maxBytes);
    this.#random = new Random(seed + 1);
    this.#first = [new Uint8Array(0), ...target.seeds(), ...options.corpus];
  }

  /** Places of the program that were passed. */
  get coveredPlaces(): number {
    return this.#coverage.places;
  }

  /** The inputs of which each has reached something new. */
  get corpus(): readonly Uint8Array[] {
    return this.#corpus;
  }

  /** One input, or a few: a new one is also trimmed. @returns a finding, made short */
  step(): Finding | undefined {
    const [first, ...others] = this.#first;
    this.#first = others;
    return this.#try(first ?? this.#mutator.mutate(this.#pick(), this.#pick()));
  }

  #pick(): Uint8Array {
    const recent = this.#random.chance(RECENT_SHARE) ? this.#corpus.slice(-RECENT_INPUTS) : this.#corpus;
    return recent.length === 0 ? new Uint8Array(0) : this.#random.pick(recent);
  }

  #try(input: Uint8Array): Finding | undefined {
    const error = this.#run(input);
    if (error !== undefined) return { input: this.#shrink(input, error), error };
    // Its fingerprint is taken first: trimming runs others.
    const fingerprint = this.#coverage.fingerprint();
    if (this.#coverage.takeNew()) this.#corpus.push(this.#trim(input, fingerprint));
    return undefined;
  }

  /** @returns what the target has thrown */
  #run(input: Uint8Array): unknown {
    this.executions++;
    this.#options.onInput?.(input);
    this.#coverage.clear();
    try {
      this.#options.target.run(input);
      return undefined;
    } catch (error) {
      return error ?? new Error('nothing was thrown');
    }
  }

  /** A shorter input that does the same. */
  #trim(input: Uint8Array, fingerprint: number): Uint8Array {
    return shorten(input, MAX_TRIMS, (shorter) => {
      return this.#run(shorter) === undefined && this.#coverage.fingerprint() === fingerprint;
    });
  }

  #shrink(input: Uint8Array, error: unknown): Uint8Array {
    return shorten(input, MAX_SHRINKS, (shorter) => isSame(this.#run(shorter), error));
  }
}

/** Takes ever smaller parts out of an input as long as `isAsGood`, with at most `tries`. */
function shorten(input: Uint8Array, tries: number, isAsGood: (shorter: Uint8Array) => boolean): Uint8Array {
  let best = new Uint8Array(input);
  let left = tries;
  for (
    let size = Math.ceil(best.length / 2);
    size >= 1 && left > 0;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = 0; at < best.length && left > 0; left--) {
      const shorter = new Uint8Array([...best.subarray(0, at), ...best.subarray(at + size)]);
      if (isAsGood(shorter)) best = shorter;
      else at += size;
    }
  }
  return best;
}

/** Whether two errors come from the same place: an error's text may hold parts of the input. */
function isSame(one: unknown, other: unknown): boolean {
  return placeOf(one) === placeOf(other);
}

function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.name} ${/\n\s+at .*/.exec(error.stack ?? '')?.[0] ?? ''}`;
}
