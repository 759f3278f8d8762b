import { expect, it } from 'vitest';
import { viewOf } from '../../../client-proxy/concentrators/concentrator.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';

it.each<[string, Partial<SessionDriver> | undefined, boolean, boolean]>([
  ['is heard', { hasSubflow: true }, true, false],
  ['is silent', { hasSubflow: true }, false, true],
  ['is silent, and full', { hasSubflow: true, cannotOpen: 'resourceExceeded' }, false, true],
  ['has said that it is going away', { hasSubflow: true, cannotOpen: 'goingAway' }, false, false],
  ['has lost its subflows', { hasSubflow: false }, false, false],
  ['has no session', undefined, false, false],
])(
  'takes one for silent that is so, and not one that has gone: it %s',
  (_, session, isReachable, isSilent) => {
    const current =
      session && ({ ...session, snapshot: () => ({ subflows: [] }) } as unknown as SessionDriver);
    expect(viewOf('near', { isReachable, current })).toMatchObject({ isReachable, isSilent });
  },
);
