import { expect, it } from 'vitest';
import { reportDatagrams } from '../../../client-proxy/status/datagram-report.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';

const session = (maxFlows: number | undefined, cannotOpen?: SessionDriver['cannotOpen']) => {
  const limits = maxFlows === undefined ? undefined : { maxFlows, maxAssociations: 2 };
  return {
    cannotOpen,
    snapshot: () => ({ datagrams: { isOffered: limits !== undefined, limits } }),
  } as never;
};

it.each([
  ['the chosen one where it carries UDP', [session(1), session(3)], 1],
  ['another one where the chosen one carries none', [session(undefined), session(3)], 3],
  ['another one where the chosen one is going away', [session(1, 'goingAway'), session(3)], 3],
  ['none where no other is there', [session(1, 'goingAway')], undefined],
  ['none without a session', [], undefined],
])('tells of the limits of %s', (_, sessions, flows) => {
  expect(reportDatagrams(sessions, { associationCount: 4, flowCount: 5 })).toEqual({
    carried: flows !== undefined,
    applications: 4,
    flows: 5,
    limits: flows === undefined ? null : { applications: 2, flows },
  });
});
