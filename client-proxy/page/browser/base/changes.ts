import type { ChartMark } from '../../../../shared/page-browser/chart.ts';
import { clockText, durationText } from '../../../../shared/page-browser/words.ts';
import type { StateChange } from '../../history/state-changes.ts';
import type { UplinkView } from '../../page-view.ts';
import { moodOf, STATE_WORDS } from './words.ts';

/** A time in which an uplink could not do its part. */
export interface Fault {
  readonly uplink: string;
  /** What it began with, in a word or two. */
  readonly what: string;
  /** The last that was said about it. */
  readonly reason: string;
  readonly fromMs: number;
  /** Null while it lasts. */
  readonly toMs: number | null;
  /** Whether it ended with the client, which knows no more of it. */
  readonly isCut: boolean;
  /** Connections of applications that ended meanwhile, since uplinks failed. */
  readonly lost: number;
}

/**
 * The faults of the uplinks, the latest first. An uplink that was not up yet has none.
 * @param uplinks as they are now, with the connections that they may have cost
 */
export function faultsOf(
  changes: readonly StateChange[],
  uplinks: readonly Pick<UplinkView, 'name' | 'lost'>[],
): readonly Fault[] {
  const faults: Fault[] = [];
  /** Those that last, by uplink: their index, and the connections that were lost before. */
  const open = new Map<string, { readonly at: number; readonly lostBefore: number }>();
  for (const change of changes) {
    const { atMs, uplink, reason, before, lost, lostBefore } = change;
    const running = open.get(uplink);
    if (running !== undefined && (before === null || !isFault(change))) {
      const isCut = before === null;
      const more = isCut ? {} : { lost: lost - running.lostBefore };
      faults[running.at] = { ...faults[running.at]!, ...more, toMs: atMs, isCut };
      open.delete(uplink);
    } else if (running !== undefined) {
      faults[running.at] = { ...faults[running.at]!, reason, lost: lost - running.lostBefore };
    } else if (isFault(change) && before !== null) {
      open.set(uplink, { at: faults.length, lostBefore });
      const what = whatOf(change);
      faults.push({ uplink, what, reason, fromMs: atMs, toMs: null, isCut: false, lost: lost - lostBefore });
    }
  }
  for (const { name, lost } of uplinks) {
    const running = open.get(name);
    if (running === undefined) continue;
    const fault = faults[running.at]!;
    faults[running.at] = { ...fault, lost: Math.max(fault.lost, lost - running.lostBefore) };
  }
  return faults.reverse();
}

/** Faults as a chart marks them. */
export function faultMarks(faults: readonly Fault[]): readonly ChartMark[] {
  return faults.map((fault) => ({ ...fault, name: fault.uplink, text: faultText(fault) }));
}

/** `silent 14:02:11, 171 ms, nothing lost` */
export function faultText({ what, fromMs, toMs, isCut, lost }: Fault): string {
  const cost = lost === 0 ? 'nothing lost' : `${lost} connection${lost === 1 ? '' : 's'} lost`;
  if (toMs === null) return `${what} since ${clockText(fromMs)}, ${cost}${lost === 0 ? ' so far' : ''}`;
  const lasted = isCut ? 'until the client ended' : durationText(toMs - fromMs);
  return `${what} ${clockText(fromMs)}, ${lasted}, ${cost}`;
}

function isFault({ state, cause }: StateChange): boolean {
  const mood = moodOf({ state, cause });
  return mood === 'bad' || mood === 'doubtful' || cause === CAP;
}

function whatOf({ state, cause }: StateChange): string {
  if (cause === CAP) return 'cap reached';
  return state === 'doubted' ? 'silent' : STATE_WORDS[state];
}

/** The cause of an uplink whose cap is reached, whatever that makes of it. */
const CAP = 'cap';
