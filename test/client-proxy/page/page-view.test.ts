import { describe, expect, it } from 'vitest';
import { UplinkHistory } from '../../../client-proxy/page/history/uplink-history.ts';
import { pageView } from '../../../client-proxy/page/page-view.ts';
import type { ClientStatus, UplinkReport } from '../../../client-proxy/status/client-status.ts';

const START_MS = 1_700_000_000_000;
const SINCE = new Date(START_MS).toISOString();

const uplink = (name: string, changes: Partial<UplinkReport> = {}): UplinkReport => ({
  ...{ name, state: 'in-use', cause: 'none', reason: 'in use', since: SINCE, backup: false, costPerGB: null },
  ...{
    rttMs: null,
    minRttMs: null,
    jitterMs: null,
    lossRatio: null,
    lost: 0,
    rateBitsPerSecond: null,
    inFlightBytes: 0,
    sendingStreams: 0,
    subflows: [],
  },
  ...{ sentBytes: 10, receivedBytes: 20, rateLimit: null, plan: null, metered: null, udp: null },
  direct: {
    ...{ connections: 0, sentBytes: 1, receivedBytes: 2, connectMs: 33, rateBitsPerSecond: null },
    suspect: false,
  },
  ...changes,
});

const status = (uplinks: readonly UplinkReport[]): ClientStatus => ({
  ...{ program: 'tributary-client', version: '1.2.3', time: SINCE, ready: true, mode: 'concentrator' },
  session: { state: 'established', since: SINCE, streams: 1, draining: 0 },
  concentrators: [],
  fallback: { active: false, begun: 0 },
  datagrams: { carried: false, applications: 0, flows: 0, limits: null },
  ...{ socksListen: [], socksConnections: 3, transparentConnections: 1, uplinks, published: [], leftOut: [] },
  steering: { default: 'aggregate', rules: 0, holdingRules: 0 },
});

/** Each second of each uplink, received kilobytes. */
function historyOf(seconds: readonly Readonly<Record<string, number>>[]): UplinkHistory {
  const history = new UplinkHistory();
  const received = new Map<string, number>();
  for (const [at, second] of [{}, ...seconds].entries()) {
    for (const [name, kilobytes] of Object.entries(second))
      received.set(name, (received.get(name) ?? 0) + kilobytes * 1_000);
    history.add(
      START_MS + at * 1_000,
      at * 1_000,
      [...received].map(([name, receivedBytes]) => [name, { sentBytes: 0, receivedBytes }] as const),
    );
  }
  return history;
}

describe('the view of the page', () => {
  it('has the concentrators where there are several', () => {
    const concentrator = (name: string): ClientStatus['concentrators'][number] => ({
      ...{ name, state: 'established', chosen: name === 'frankfurt', standing: name !== 'frankfurt' },
      ...{
        since: SINCE,
        sessions: 1,
        streams: 2,
        flows: 3,
        roundTripMs: 12,
        lossRatio: 0,
        reason: 'as it is',
      },
    });
    const all = ['frankfurt', 'paris'].map(concentrator);
    const of = (concentrators: ClientStatus['concentrators']) =>
      pageView({ ...status([]), concentrators }, historyOf([])).concentrators;
    expect(of(all.slice(0, 1))).toEqual([]);
    expect(of(all)[1]).toEqual({
      ...{ name: 'paris', state: 'established', isChosen: false, isStanding: true, sinceMs: START_MS },
      ...{ sessions: 1, connections: 5, roundTripMs: 12, lossRatio: 0, reason: 'as it is' },
    });
  });

  it('has the sum, and what goes directly with the rest', () => {
    const { uplinks, sum, connections, timeMs } = pageView(
      status([uplink('dsl'), uplink('lte', { rttMs: 50 })]),
      historyOf([
        { dsl: 100, lte: 50 },
        { dsl: 1_000, lte: 500 },
      ]),
    );
    expect(sum).toEqual({ down: 12_000_000, up: 0 });
    expect(
      uplinks.map(({ down, rttMs, sentBytes, receivedBytes }) => [down, rttMs, sentBytes, receivedBytes]),
    ).toEqual([
      [8_000_000, 33, 11, 22],
      [4_000_000, 50, 11, 22],
    ]);
    expect([connections, timeMs]).toEqual([4, START_MS + 2_000]);
  });

  it.each([
    [
      'the most of one in a second',
      [
        { dsl: 1_500, lte: 1 },
        { dsl: 1_000, lte: 1_000 },
      ],
      {},
      ['dsl', 12_000_000],
    ],
    [
      'no more than the sum',
      [
        { dsl: 9_000, lte: 0 },
        { dsl: 100, lte: 50 },
      ],
      {},
      ['dsl', 1_200_000],
    ],
    [
      'not of one that has stalled',
      [
        { dsl: 1_500, lte: 500 },
        { dsl: 0, lte: 750 },
      ],
      { dsl: 'doubted' },
      ['lte', 6_000_000],
    ],
    [
      'nothing while nothing is carried',
      [
        { dsl: 1_500, lte: 0 },
        { dsl: 2, lte: 2 },
      ],
      {},
      null,
    ],
  ] as const)('says what the best alone would have given: %s', (_, seconds, states, best) => {
    const uplinks = ['dsl', 'lte'].map((name) =>
      uplink(name, { state: (states as Record<string, UplinkReport['state']>)[name] ?? 'in-use' }),
    );
    const view = pageView(status(uplinks), historyOf(seconds));
    expect(view.best.down).toEqual(best && { name: best[0], bitsPerSecond: best[1] });
  });

  it('takes the rate of delivery for the best of what this end sends', () => {
    const history = new UplinkHistory();
    history.add(START_MS, START_MS, [['dsl', { sentBytes: 0, receivedBytes: 0 }]]);
    history.add(START_MS + 1_000, START_MS + 1_000, [['dsl', { sentBytes: 1_000_000, receivedBytes: 0 }]]);
    const { best } = pageView(status([uplink('dsl'), uplink('lte', { rateBitsPerSecond: 9e9 })]), history);
    expect(best).toEqual({ down: null, up: { name: 'dsl', bitsPerSecond: 8_000_000 } });
  });
});
