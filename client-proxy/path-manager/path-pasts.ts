import { keepRecent } from '../../shared/runtime/keep-recent.ts';
import type { Uplink } from '../uplink/uplink.ts';

/** A silence of an earlier session counts for so long: until it is over, or has been met again. */
const RECENT_MS = 60_000;
/** Pairs of an uplink and one of its paths: more than there are at a time. */
const MAX_PASTS = 256;

/** What is known of a path, from this session and from those before it. */
export class PathPast {
  #workedMs = Number.NEGATIVE_INFINITY;
  #silentMs = Number.NEGATIVE_INFINITY;

  /** How long ago it had a subflow that lasted; infinite where it had none. */
  sinceWorkedMs(nowMs: number): number {
    return nowMs - this.#workedMs;
  }

  /** Whether nothing was heard over it of late, and it has not come up since. */
  isSilent(nowMs: number): boolean {
    return nowMs - this.#silentMs < RECENT_MS;
  }

  onWorked(nowMs: number): void {
    this.#workedMs = nowMs;
  }

  onSilent(nowMs: number): void {
    this.#silentMs = nowMs;
  }

  /** It has come up, or what it was does not matter any more. */
  forgetSilence(): void {
    this.#silentMs = Number.NEGATIVE_INFINITY;
  }
}

/** What is known of the paths to one concentrator: a session that follows another goes on by it. */
export class PathPasts {
  readonly #byPath = new Map<string, PathPast>();

  /** Of one path of an uplink, for as long as the uplink is bound to the same. Who dials the path keeps it up to date. */
  of({ name, binding }: Uplink, pathKey: string): PathPast {
    const key = JSON.stringify([name, binding, pathKey]);
    const past = this.#byPath.get(key) ?? new PathPast();
    keepRecent(this.#byPath, key, past, MAX_PASTS);
    return past;
  }
}
