import { expect, it } from 'vitest';
import { isDraining, whyAway } from '../../../client-proxy/concentrators/member.ts';
import type { UplinkStatus } from '../../../client-proxy/path-manager/uplink-status.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';

const uplinks: readonly UplinkStatus[] = [
  { name: 'dsl', isUp: false, state: 'waiting', cause: 'not-dialled', reason: 'not dialled yet' },
  {
    ...{ name: 'lte', isUp: false, state: 'down', cause: 'wrong-certificate' as never },
    reason: 'the certificate is not the pinned one',
  },
];
const session = (hasSubflow: boolean) => ({ hasSubflow }) as SessionDriver;

it.each<[string, SessionDriver | undefined, readonly UplinkStatus[], string]>([
  ['silent', session(true), uplinks, 'nothing is heard from it'],
  ['refused', undefined, uplinks, 'there is no session with it: lte: the certificate is not the pinned one'],
  ['lingering', session(false), uplinks.slice(0, 1), 'no uplink leads to it'],
  ['not dialled yet', undefined, [], 'there is no session with it'],
])('says of a concentrator that is %s why it cannot be reached', (_, current, all, text) => {
  const drivers = current === undefined ? [] : [current];
  expect(whyAway({ current, drivers, uplinks: all })).toBe(text);
});

it.each<[string, SessionDriver | undefined, readonly SessionDriver[], UplinkStatus['cause'], boolean]>([
  ['has a session', session(true), [session(true)], 'none', false],
  ['has said that it goes away, and streams go on', undefined, [session(true)], 'no-session', true],
  ['refuses another session for it', undefined, [], 'goingAway', true],
  ['refuses for another reason', undefined, [], 'notAuthorized', false],
])('takes one for draining that %s: %#', (_, current, drivers, cause, expected) => {
  const all = [{ ...uplinks[0]!, cause }];
  expect(isDraining({ current, drivers, uplinks: all })).toBe(expected);
});

it('says of one that is going away that what is open there goes on', () => {
  const text = 'it is going away, what is open there goes on';
  const drivers = [session(true)];
  expect(whyAway({ current: undefined, drivers, uplinks: [] })).toBe(text);
  expect(whyAway({ current: undefined, drivers, uplinks })).toBe(
    `${text}: lte: the certificate is not the pinned one`,
  );
});
