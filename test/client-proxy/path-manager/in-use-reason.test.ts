import { expect, it } from 'vitest';
import { inUseReason } from '../../../client-proxy/path-manager/in-use-reason.ts';
import type { LeftOut } from '../../../shared/protocol/session/snapshot.ts';

const leftOut: LeftOut = {
  policies: [{ mode: 'lowest-latency', most: { rttMs: 250, loss: 1 } }],
  delayMs: 400,
  lossShare: 0,
};
const beyond = 'beyond the limits of lowest-latency: a round trip of 400 ms, at most 250 ms';
const packets = 'with packets of at most 1300 bytes: longer ones vanish on the way';

it.each([
  [undefined, undefined, 'none', 'in use'],
  [undefined, 1_300, 'small-packets', `in use ${packets}`],
  [leftOut, undefined, 'beyond-limits', `in use, but ${beyond}`],
  [leftOut, 1_300, 'beyond-limits', `in use ${packets}; but ${beyond}`],
] as const)('of %j and packets of %s bytes it says %s', (left, packetBytes, cause, reason) => {
  expect(inUseReason(left, packetBytes)).toEqual({ cause, reason });
});
