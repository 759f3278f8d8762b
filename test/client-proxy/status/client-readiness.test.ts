import { expect, it } from 'vitest';
import { clientReadiness, type ReadinessSource } from '../../../client-proxy/status/client-readiness.ts';

const UP = { name: 'dsl', isUp: true, state: 'in-use', cause: 'none', reason: 'in use' } as const;
const DOWN = { name: 'lte', isUp: false, state: 'down', cause: 'no-carrier', reason: 'no carrier' } as const;
const leftOut = Array.from({ length: 40 }, (_, i) => ({
  interface: `eth${i}`,
  reason: 'no route',
  isCandidate: true,
}));

const source = (
  uplinks: readonly (typeof UP | typeof DOWN)[],
  isEstablished = true,
  whyUnknown?: string,
  isFallback = false,
  mode: ReadinessSource['mode'] = 'concentrator',
): ReadinessSource => ({
  mode,
  concentrators: { isEstablished },
  uplinks: { leftOut, whyUnknown },
  fallback: { isActive: isFallback, takesOver: isFallback },
  uplinkStatus: () => uplinks,
});

it('is there with a session and an uplink that is up, and tells of each uplink', () => {
  expect(clientReadiness(source([UP, DOWN]))).toEqual({
    ok: true,
    reasons: ['uplink dsl: in use', 'uplink lte: no carrier'],
  });
});

it('is not there without a session', () => {
  expect(clientReadiness(source([UP], false))).toEqual({
    ok: false,
    reasons: ['no session with the concentrator', 'uplink dsl: in use'],
  });
});

it('is not there without an uplink, and tells which interfaces are none, within bounds', () => {
  const { ok, reasons } = clientReadiness(source([DOWN]));
  expect([ok, reasons.length, reasons.slice(0, 2)]).toEqual([
    false,
    17,
    ['uplink lte: no carrier', 'interface eth0, left out: no route'],
  ]);
  expect(clientReadiness(source([])).reasons[0]).toBe('no interface is an uplink');
  expect(clientReadiness(source([], true, 'nothing is told')).reasons[1]).toBe('nothing is told');
});

it('is there without a session while the fallback takes over, and says so', () => {
  expect(clientReadiness(source([DOWN], false, undefined, true))).toMatchObject({
    ok: true,
    reasons: expect.arrayContaining([
      'no session with the concentrator',
      'fallback: new connections go directly, outside of the tunnel',
    ]),
  });
});

it('needs an uplink alone in mode direct, and misses no session', () => {
  expect(clientReadiness(source([UP, DOWN], false, undefined, false, 'direct'))).toEqual({
    ok: true,
    reasons: ['uplink dsl: in use', 'uplink lte: no carrier'],
  });
  expect(clientReadiness(source([DOWN], false, undefined, false, 'direct')).ok).toBe(false);
});
