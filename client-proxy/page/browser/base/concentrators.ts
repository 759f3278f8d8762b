import { clockText, durationText } from '../../../../shared/page-browser/words.ts';
import type { ConcentratorChange } from '../../history/concentrator-changes.ts';
import type { ConcentratorView } from '../../page-view.ts';

type Mood = 'good' | 'idle' | 'doubtful' | 'bad';

/** What a concentrator is, as its pill says it. */
export function concentratorPill({
  state,
  isChosen,
  isStanding,
}: Pick<ConcentratorView, 'state' | 'isChosen' | 'isStanding'>): {
  readonly text: string;
  readonly mood: Mood;
} {
  if (state === 'silent') return { text: 'silent', mood: 'doubtful' };
  if (state === 'draining') return { text: 'draining', mood: 'idle' };
  if (state !== 'established') return { text: 'away', mood: 'bad' };
  if (isChosen) return { text: 'chosen', mood: 'good' };
  return isStanding ? { text: 'kept ready', mood: 'idle' } : { text: 'in use', mood: 'good' };
}

const AWAY = { word: 'away', mood: 'bad' } as const;
/** It was stopped, as for an upgrade: that is no fault. */
const DRAINING = { word: 'draining', mood: 'idle' } as const;

/** What has happened to a concentrator. */
export interface ConcentratorNote {
  readonly concentrator: string;
  /** `chosen 14:02:11` */
  readonly text: string;
  readonly reason: string;
  readonly mood: Mood;
}

/**
 * What has happened, the latest first: when new connections began to go to which, and when each was away.
 * @param now the concentrators as they are
 */
export function notesOf(
  changes: readonly ConcentratorChange[],
  now: readonly Pick<ConcentratorView, 'name' | 'state'>[],
): readonly ConcentratorNote[] {
  const notes: ConcentratorNote[] = [];
  /** Where those that are away have their note. */
  const away = new Map<string, { readonly at: number; readonly sinceMs: number; readonly word: string }>();
  for (const { atMs, concentrator, kind, reason } of changes) {
    const lost = away.get(concentrator);
    if (kind === 'chosen') {
      const text = `takes new connections since ${clockText(atMs)}`;
      notes.push({ concentrator, text, reason, mood: 'good' });
    } else if (kind === 'lost' || kind === 'draining') {
      const { word, mood } = kind === 'lost' ? AWAY : DRAINING;
      away.set(concentrator, { at: notes.length, sinceMs: atMs, word });
      notes.push({ concentrator, text: `${word} ${clockText(atMs)}`, reason, mood });
    } else if (lost !== undefined) {
      const text = `${lost.word} ${clockText(lost.sinceMs)}, ${durationText(atMs - lost.sinceMs)}`;
      notes[lost.at] = { ...notes[lost.at]!, text };
      away.delete(concentrator);
    }
  }
  // Of those that are here again it is not known since when: the client has ended meanwhile.
  for (const { name, state } of now) {
    const lost = away.get(name);
    if (lost === undefined || state === 'established') continue;
    // One that has drained has ended, and may not be back.
    const { word, mood } = state === 'draining' ? DRAINING : AWAY;
    notes[lost.at] = { ...notes[lost.at]!, text: `${word} since ${clockText(lost.sinceMs)}`, mood };
  }
  return notes.reverse();
}
