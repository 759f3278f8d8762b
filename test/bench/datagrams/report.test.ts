import { expect, test } from 'vitest';
import { judgeDatagrams } from './goals.ts';
import { WAYS } from './quic.ts';
import { datagramReport } from './report.ts';
import type { DatagramRecord } from './run-case.ts';
import { DatagramSummary } from './summary.ts';

const FLOW = {
  sent: 400,
  lossShare: 0.015,
  p50Ms: 20.2,
  p95Ms: 23,
  p99Ms: 30,
  longestGapMs: 41,
  reorderedShare: 0,
  repeats: 0,
};

test('a table for each case, rates on loopback, goals, and what went wrong', () => {
  const common = { case: 'idle', repetition: 1, traffic: 'voice' } as const;
  const records: DatagramRecord[] = [
    { ...common, contestant: 'tributary', direction: 'up', flow: FLOW },
    { ...common, contestant: 'single:a', direction: 'up', flow: { ...FLOW, p50Ms: 19 } },
    { ...common, traffic: 'lookups', contestant: 'tributary', lookups: { p50Ms: 41, unanswered: 0 } },
    { ...common, traffic: 'lookups', contestant: 'single:a', lookups: { p50Ms: 40, unanswered: 0 } },
    { ...common, contestant: 'single:b', error: 'no way' },
  ];
  const rates = [
    { contender: 'shadowsocks', repetition: 1, bytes: 160, perSecond: 70_000.4, cpuMicroseconds: 14.84 },
  ];
  const downloads = WAYS.map((way, i) => ({ ...way, repetition: 1, goodputMbps: [30, 36, 16, 18][i]! }));
  const summary = new DatagramSummary(records);
  const text = datagramReport(summary, rates, downloads, judgeDatagrams(summary, rates, downloads));
  expect(text).toMatch(
    /^idle: a call and lookups, .*\n.*late by >3 %\ntributary voice up +400 +1\.50 +20\.2 +23\.0 +30\.0 +41 +0\.00$/m,
  );
  expect(text).toMatch(/^tributary lookups: p50 41\.0 ms$/m);
  expect(text).toMatch(/^shadowsocks 160 bytes +70000 +14\.8$/m);
  expect(text).toMatch(/^MET +lookups: p50 over the best uplink's round trip +idle +1\.0250 +<= 1\.1$/m);
  expect(text).toMatch(/^not measured +datagrams\/s over shadowsocks' +loopback, 160 bytes +- +>= 1$/m);
  expect(text).toMatch(/^tributary h3 +30\.0$/m);
  expect(text).toMatch(
    /^MISSED +QUIC over TCP through the pair, over the same of one uplink +quic +0\.9375 +>= 0\.95$/m,
  );
  expect(text).toMatch(/Went wrong:\nidle single:b voice #1: no way$/);
});
