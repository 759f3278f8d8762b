import { sinceText } from '../../../../shared/page-browser/words.ts';
import type { PageView, UplinkView } from '../../page-view.ts';

export const STATE_WORDS: Readonly<Record<UplinkView['state'], string>> = {
  'in-use': 'in use',
  backup: 'backup',
  waiting: 'waiting',
  doubted: 'stalled',
  parked: 'parked',
  down: 'down',
  stopped: 'stopped',
};

/** The cause of a state that a cap has brought about. */
const CAP = 'cap';
/** And of one that a person wants. */
const TURNED_OFF = 'turned-off';

/** What an uplink is, as its pill says it. */
export function pillOf({ state, cause }: Pick<UplinkView, 'state' | 'cause'>): {
  readonly text: string;
  readonly mood: ReturnType<typeof moodOf>;
} {
  if (cause === TURNED_OFF) return { text: 'off', mood: moodOf({ state, cause }) };
  if (cause !== CAP) return { text: STATE_WORDS[state], mood: moodOf({ state, cause }) };
  return { text: 'cap reached', mood: state === 'stopped' ? 'bad' : 'doubtful' };
}

export const UDP_WORDS: Readonly<Record<NonNullable<UplinkView['udp']>['state'], string>> = {
  working: 'passes',
  late: 'late',
  silent: 'falls back',
  unvalidated: 'blocked',
};

/** `0.5 %` of a share; `–` where it is not known. */
export function lossText(ratio: number | null): string {
  return ratio === null ? '–' : `${Number((100 * ratio).toPrecision(2))} %`;
}

/** How good a state is, which its colour tells. */
export function moodOf({
  state,
  cause,
}: Pick<UplinkView, 'state'> & { readonly cause: string }): 'good' | 'idle' | 'doubtful' | 'bad' {
  if (cause === TURNED_OFF) return 'idle';
  if (state === 'in-use') return 'good';
  if (state === 'backup' || state === 'waiting') return 'idle';
  return state === 'down' || state === 'stopped' ? 'bad' : 'doubtful';
}

/** How the client is, in a sentence. */
export function summaryOf({
  mode,
  session,
  sessionSinceMs,
  timeMs,
  isFallback,
  concentrators,
}: PageView): string {
  if (mode === 'direct') return 'without a concentrator: each connection goes over one uplink';
  if (isFallback)
    return 'the concentrator cannot be reached: new connections go directly, outside of the tunnel';
  if (session === 'lingering') return 'every uplink is silent: connections wait for one of them';
  if (session !== 'established') return 'connecting to the concentrator';
  const name = concentrators.find(({ isChosen }) => isChosen)?.name ?? 'the concentrator';
  return `connected to ${name} for ${sinceText(timeMs - (sessionSinceMs ?? timeMs))}`;
}

/** What the uplinks give together, as so many times the best of them; undefined where that is no more. */
export function gainOf(sum: number, best: number): string | undefined {
  return sum < 1.05 * best ? undefined : (sum / best).toFixed(1);
}
