import { expect, it } from 'vitest';
import { leftOutText } from '../../../client-proxy/path-manager/left-out.ts';
import type { LeftOut } from '../../../shared/protocol/session/snapshot.ts';

const ANY = { rttMs: Number.POSITIVE_INFINITY, loss: 1 };
const interactive: LeftOut['policies'][number] = { mode: 'lowest-latency', most: { rttMs: 250, loss: 0.02 } };
const patient: LeftOut['policies'][number] = { mode: 'priority', most: { ...ANY, rttMs: 500 } };

it.each([
  [
    { policies: [interactive], delayMs: 400.4, lossShare: 0 },
    'beyond the limits of lowest-latency: a round trip of 400 ms, at most 250 ms',
  ],
  [
    { policies: [interactive], delayMs: 400, lossShare: 0.051 },
    'beyond the limits of lowest-latency: a round trip of 400 ms, at most 250 ms; 5.1 % lost, at most 2 %',
  ],
  [
    { policies: [patient, interactive], delayMs: 300, lossShare: 0 },
    'beyond the limits of lowest-latency and 1 more: a round trip of 300 ms, at most 250 ms',
  ],
  [
    { policies: [interactive], delayMs: 210, lossShare: 0 },
    'beyond the limits of lowest-latency a moment ago: it has to be well within them for a while',
  ],
] satisfies [LeftOut, string][])('says why %j leaves an uplink out', (leftOut, text) => {
  expect(leftOutText(leftOut)).toBe(text);
});
