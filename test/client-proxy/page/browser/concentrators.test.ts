import { expect, it } from 'vitest';
import { concentratorPill, notesOf } from '../../../../client-proxy/page/browser/base/concentrators.ts';
import { summaryOf } from '../../../../client-proxy/page/browser/base/words.ts';
import type { ConcentratorChange } from '../../../../client-proxy/page/history/concentrator-changes.ts';
import type { ConcentratorView, PageView } from '../../../../client-proxy/page/page-view.ts';

/** In the zone of whoever looks. */
const AT_MS = new Date(2026, 10, 29, 14, 2, 11).getTime();

const event = (
  seconds: number,
  concentrator: string,
  kind: ConcentratorChange['kind'],
): ConcentratorChange => ({
  atMs: AT_MS + 1_000 * seconds,
  concentrator,
  kind,
  reason: `${kind} for a reason`,
});
const now = (states: Readonly<Record<string, ConcentratorView['state']>>) =>
  Object.entries(states).map(([name, state]) => ({ name, state }));
const textsOf = (...given: Parameters<typeof notesOf>) =>
  notesOf(...given).map(({ concentrator, text }) => `${concentrator} ${text}`);

it('has a failover as who went away, and where new connections went', () => {
  const changes = [event(0, 'near', 'lost'), event(0, 'far', 'chosen')];
  expect(textsOf(changes, now({ near: 'silent', far: 'established' }))).toEqual([
    'far takes new connections since 14:02:11',
    'near away since 14:02:11',
  ]);
  const later = [...changes, event(5, 'near', 'back'), event(16, 'near', 'chosen')];
  expect(textsOf(later, now({ near: 'established', far: 'established' }))).toEqual([
    'near takes new connections since 14:02:27',
    'far takes new connections since 14:02:11',
    'near away 14:02:11, 5.0 s',
  ]);
  expect(notesOf(later, [])[0]).toMatchObject({ reason: 'chosen for a reason', mood: 'good' });
});

it('takes one that is drained for no fault, as long as it drains', () => {
  const changes = [event(0, 'near', 'draining')];
  expect(notesOf(changes, now({ near: 'draining' }))[0]).toMatchObject({
    text: 'draining since 14:02:11',
    mood: 'idle',
  });
  expect(notesOf([...changes, event(60, 'near', 'back')], [])[0]).toMatchObject({
    text: 'draining 14:02:11, 60 s',
    mood: 'idle',
  });
  // It has ended, and has not begun again.
  expect(notesOf(changes, now({ near: 'connecting' }))[0]).toMatchObject({
    text: 'away since 14:02:11',
    mood: 'bad',
  });
});

it('says of one that was away when the client ended, or was taken out, only when that began', () => {
  const changes = [event(0, 'near', 'lost')];
  for (const all of [now({ near: 'established' }), []])
    expect(textsOf(changes, all)).toEqual(['near away 14:02:11']);
});

it.each([
  ['established', true, false, 'chosen', 'good'],
  ['established', false, true, 'kept ready', 'idle'],
  ['established', false, false, 'in use', 'good'],
  ['silent', true, false, 'silent', 'doubtful'],
  ['lingering', true, false, 'away', 'bad'],
  ['connecting', false, true, 'away', 'bad'],
  ['draining', false, true, 'draining', 'idle'],
] as const)(
  'calls one that is %s (chosen: %s, only kept ready: %s) %s',
  (state, isChosen, isStanding, text, mood) => {
    expect(concentratorPill({ state, isChosen, isStanding })).toEqual({ text, mood });
  },
);

it('names the one that new connections go to in the summary', () => {
  const view = {
    ...{ mode: 'concentrator', session: 'established', sessionSinceMs: AT_MS, timeMs: AT_MS + 5_000 },
    ...{ isFallback: false, concentrators: [{ name: 'far', isChosen: true }] },
  } as unknown as PageView;
  expect(summaryOf(view)).toBe('connected to far for 5 s');
  expect(summaryOf({ ...view, concentrators: [] })).toBe('connected to the concentrator for 5 s');
});
