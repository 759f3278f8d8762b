import { describe, expect, it } from 'vitest';
import type { ClientStatus, UplinkReport } from '../../../client-proxy/status/client-status.ts';
import { type TopView, topFrame } from '../../../client-proxy/top/top-frame.ts';
import { UplinkRates } from '../../../client-proxy/top/uplink-rates.ts';

const VIEW: TopView = { sort: 'down', showsSubflows: false, isPaused: false };
const START_MS = Date.parse('2026-01-01T00:00:00Z');

function uplink(name: string, values: Partial<UplinkReport> = {}): UplinkReport {
  return {
    name,
    state: 'in-use',
    cause: 'none',
    reason: 'in use',
    since: '2026-01-01T00:00:00Z',
    backup: false,
    costPerGB: null,
    sentBytes: 0,
    receivedBytes: 0,
    rttMs: 20.4,
    minRttMs: 18,
    jitterMs: 1,
    lossRatio: 0,
    lost: 0,
    rateBitsPerSecond: null,
    inFlightBytes: 0,
    sendingStreams: 0,
    subflows: [],
    direct: {
      ...{ connections: 0, sentBytes: 0, receivedBytes: 0 },
      ...{ connectMs: null, rateBitsPerSecond: null, suspect: false },
    },
    rateLimit: null,
    plan: null,
    metered: null,
    udp: null,
    ...values,
  };
}

function status(seconds: number, uplinks: readonly UplinkReport[]): ClientStatus {
  return {
    program: 'tributary-client',
    version: '0.0.0',
    time: new Date(START_MS + seconds * 1000).toISOString(),
    ready: true,
    mode: 'concentrator',
    session: { state: 'established', since: '2025-12-31T23:00:00Z', streams: 3, draining: 0 },
    concentrators: [],
    fallback: { active: false, begun: 0 },
    datagrams: { carried: true, applications: 0, flows: 0, limits: { applications: 256, flows: 1024 } },
    socksListen: ['127.0.0.1:1080'],
    socksConnections: 3,
    transparentConnections: 0,
    steering: { default: 'aggregate', rules: 0, holdingRules: 0 },
    uplinks,
    published: [],
    leftOut: [],
  };
}

/** Two seconds of a client whose VDSL has carried 5 MB down, and whose LTE 2.5 MB, half of it directly. */
function rates(): UplinkRates {
  const seen = new UplinkRates();
  const lte = (receivedBytes: number, sentBytes: number) =>
    uplink('lte', {
      ...{ receivedBytes, sentBytes, rttMs: 12 },
      direct: { ...uplink('').direct, receivedBytes },
      metered: [
        {
          ...{ period: 'month', from: '', until: '', sentBytes: 0, receivedBytes: 0 },
          ...{ capBytes: 1e9, usedRatio: 0.87 },
        },
      ],
    });
  const sim = uplink('sim', { state: 'stopped', reason: 'the cap of the month is reached', rttMs: null });
  seen.add(status(0, [lte(0, 0), uplink('vdsl'), sim]));
  seen.add(
    status(2, [
      lte(1_250_000, 600_000),
      uplink('vdsl', { receivedBytes: 5_000_000, sentBytes: 250_000 }),
      sim,
    ]),
  );
  return seen;
}

describe('the screen of top', () => {
  it('shows what each uplink carries, and why one does not', () => {
    expect(topFrame(rates(), VIEW, { columns: 120, rows: 20, hasColours: false })).toEqual([
      'tributary-client 0.0.0  ready  session established for 60 min  3 connections  down 30Mbit/s  up 3.4Mbit/s',
      '',
      'UPLINK  STATE        DOWN         UP  SHARE    RTT    SENT  RECEIVED   CAP  LAST 20 S  REASON',
      'vdsl    in-use   20Mbit/s    1Mbit/s   67 %  20 ms  250 kB      5 MB        █          ',
      'lte     in-use   10Mbit/s  2.4Mbit/s   33 %  12 ms  600 kB    2.5 MB  87 %  ▅          ',
      'sim     stopped   0kbit/s    0kbit/s    0 %      -     0 B       0 B        ▁          the cap of the month is reached',
      '',
      'q quit  d/u/n/t sort by down, up, name, round trip  s subflows  p pause',
    ]);
  });

  it('says why one that is in use is not used by all', () => {
    const seen = new UplinkRates();
    const reason = 'in use, but beyond the limits of priority: a round trip of 400 ms, at most 250 ms';
    seen.add(status(0, [uplink('wifi', { cause: 'beyond-limits', reason }), uplink('lte')]));
    const lines = topFrame(seen, VIEW, { columns: 200, rows: 20, hasColours: false });
    expect(lines.filter((line) => line.endsWith(reason))).toHaveLength(1);
    expect(lines.join(' ')).not.toContain('in use ');
  });

  it.each([
    ['name', ['lte', 'sim', 'vdsl']],
    ['up', ['lte', 'vdsl', 'sim']],
    ['rtt', ['lte', 'vdsl', 'sim']],
    ['down', ['vdsl', 'lte', 'sim']],
  ] as const)('sorts by %s', (sort, expected) => {
    const lines = topFrame(rates(), { ...VIEW, sort }, { columns: 120, rows: 20, hasColours: false });
    expect(lines.slice(3, 6).map((line) => line.split(' ')[0])).toEqual(expected);
  });

  it('fits each screen, however small, and keeps state and rates the longest', () => {
    for (let columns = 1; columns <= 160; columns++) {
      for (const rows of [4, 6, 24]) {
        const lines = topFrame(rates(), VIEW, { columns, rows, hasColours: false });
        expect(lines.length).toBeLessThanOrEqual(rows);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
      }
    }
    const [, , heads] = topFrame(rates(), VIEW, { columns: 50, rows: 24, hasColours: false });
    expect(heads).toMatch(/^UPLINK {2}STATE +DOWN +UP +REASON$/);
  });

  it('has colours where they are wanted, and the same text without them', () => {
    const screen = { columns: 100, rows: 24 };
    const plain = topFrame(rates(), VIEW, { ...screen, hasColours: false });
    const coloured = topFrame(rates(), VIEW, { ...screen, hasColours: true });
    expect(coloured.join('\n')).toContain('\x1b[32m  in-use');
    expect(coloured.join('\n')).toContain('\x1b[31m  stopped');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
    expect(coloured.map((line) => line.replaceAll(/\x1b\[\d+m/g, ''))).toEqual(plain);
  });

  it('says what is wrong, and shows what was known before', () => {
    const lines = topFrame(rates(), VIEW, { columns: 80, rows: 24, hasColours: false }, 'nothing answers');
    expect(lines[1]).toBe('nothing answers');
    expect(lines.join('\n')).toContain('vdsl');
    const first = topFrame(
      new UplinkRates(),
      VIEW,
      { columns: 80, rows: 24, hasColours: false },
      'nothing answers',
    );
    expect(first[0]).toBe('nothing answers');
  });
});

describe('the rates', () => {
  it('are none after the client was started anew, and of the time between two statuses', () => {
    const seen = rates();
    expect(seen.of('vdsl')).toEqual({ down: 20e6, up: 1e6, history: [20e6] });
    seen.add(status(4, [uplink('vdsl', { receivedBytes: 1_000 })]));
    expect(seen.of('vdsl')).toEqual({ down: 0, up: 0, history: [20e6, 0] });
    seen.add(status(4.5, [uplink('vdsl', { receivedBytes: 63_500 })]));
    expect(seen.of('vdsl').down).toBe(1e6);
    expect(seen.of('lte')).toEqual({ down: 0, up: 0, history: [] });
  });

  it('remember a minute', () => {
    const seen = new UplinkRates();
    for (let second = 0; second < 100; second++)
      seen.add(status(second, [uplink('vdsl', { receivedBytes: second * 125 })]));
    expect(seen.of('vdsl').history).toEqual(Array(60).fill(1_000));
  });
});
