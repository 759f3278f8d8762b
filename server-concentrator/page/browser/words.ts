import type { ClientUplinkView, ClientView } from '../page-view.ts';

type Mood = 'good' | 'idle' | 'doubtful' | 'bad';

export const STATE_WORDS: Readonly<Record<ClientUplinkView['state'] | ClientView['state'], string>> = {
  established: 'connected',
  lingering: 'silent',
  'in-use': 'in use',
  backup: 'backup',
  doubted: 'stalled',
  parked: 'parked',
  retiring: 'retiring',
  gone: 'gone',
};

/** How good a state is, which its colour tells. */
export function moodOf(state: ClientUplinkView['state'] | ClientView['state']): Mood {
  if (state === 'established' || state === 'in-use') return 'good';
  if (state === 'doubted' || state === 'parked') return 'doubtful';
  return state === 'lingering' ? 'bad' : 'idle';
}

/** `3,210` */
export function countText(count: number): string {
  return count.toLocaleString('en');
}

/** `1 session`, `2 sessions` */
export function counted(count: number, word: string): string {
  return `${countText(count)} ${word}${count === 1 ? '' : 's'}`;
}

/** What the limits are about, by their key of the configuration. */
export function limitText({ limit, count }: ClientView['limits'][number]): string {
  return `${limit}: ${count === 1 ? 'once' : `${countText(count)} times`}`;
}
