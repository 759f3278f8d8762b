import { clockText, durationText } from '../../../../shared/page-browser/words.ts';
import type { StateChange } from '../../state-changes.ts';
import { moodOf, STATE_WORDS } from './words.ts';

/** A time in which an uplink could not do its part. */
export interface Fault {
  readonly uplink: string;
  /** The state that it began with, in a word. */
  readonly what: string;
  /** The last that was said about it. */
  readonly reason: string;
  readonly fromMs: number;
  /** Null while it lasts. */
  readonly toMs: number | null;
}

/** The faults of the uplinks, the latest first. An uplink that was not up yet has none. */
export function faultsOf(changes: readonly StateChange[]): readonly Fault[] {
  const faults: Fault[] = [];
  /** Indices of those that last, by uplink. */
  const open = new Map<string, number>();
  for (const { atMs, uplink, state, reason, before } of changes) {
    const mood = moodOf(state);
    const isBad = mood === 'bad' || mood === 'doubtful';
    const at = open.get(uplink);
    if (at !== undefined) {
      faults[at] = { ...faults[at]!, ...(isBad ? { reason } : { toMs: atMs }) };
      if (!isBad) open.delete(uplink);
    } else if (isBad && before !== null) {
      open.set(uplink, faults.length);
      faults.push({ uplink, what: STATE_WORDS[state], reason, fromMs: atMs, toMs: null });
    }
  }
  return faults.reverse();
}

/** `14:02:11, 171 ms, back` */
export function faultTimes({ fromMs, toMs }: Fault): string {
  return `${clockText(fromMs)}, ${toMs === null ? 'still so' : `${durationText(toMs - fromMs)}, back`}`;
}
