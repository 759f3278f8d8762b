import { grid } from '../../lab/grid.ts';
import { CASE_IDS, CASES, type CaseId } from './cases.ts';
import type { FlowFigures } from './flow-figures.ts';
import type { DatagramJudgement } from './goals.ts';
import type { PacketRateRecord } from './loopback.ts';
import { medianRates } from './packet-rates.ts';
import { type DownloadRecord, medianMbps, WAYS } from './quic.ts';
import type { DatagramRecord } from './run-case.ts';
import type { DatagramSummary } from './summary.ts';

const COLUMNS: readonly (readonly [
  head: string,
  figure: keyof FlowFigures,
  scale: number,
  digits: number,
])[] = [
  ['sent', 'sent', 1, 0],
  ['lost %', 'lossShare', 100, 2],
  ['p50 ms', 'p50Ms', 1, 1],
  ['p95 ms', 'p95Ms', 1, 1],
  ['p99 ms', 'p99Ms', 1, 1],
  ['gap ms', 'longestGapMs', 1, 0],
  ['late by >3 %', 'reorderedShare', 100, 2],
];

/** A table for each case, packet rates, goals, and what went wrong. */
export function datagramReport(
  summary: DatagramSummary,
  rates: readonly PacketRateRecord[],
  downloads: readonly DownloadRecord[],
  goals: readonly DatagramJudgement[],
): string {
  return [
    ...CASE_IDS.map((id) => caseTable(summary, id)),
    downloadTable(downloads),
    rateTable(rates),
    goalsTable(goals),
    problems(summary.records, rates, downloads),
  ]
    .filter(Boolean)
    .join('\n\n');
}

function caseTable(summary: DatagramSummary, id: CaseId): string {
  const rows = summary.places([id]).flatMap((place) =>
    summary.contestants().flatMap((contestant) => {
      if (summary.flow(place, contestant, 'sent') === undefined) return [];
      const cells = COLUMNS.map(([, figure, scale, digits]) =>
        text(summary.flow(place, contestant, figure), scale, digits),
      );
      return [[`${contestant} ${place.traffic} ${place.direction}`, ...cells]];
    }),
  );
  const lookups = summary.contestants().flatMap((contestant) => {
    const p50Ms = summary.lookupP50Ms(id, contestant);
    return p50Ms === undefined ? [] : [`${contestant} lookups: p50 ${p50Ms.toFixed(1)} ms`];
  });
  if (rows.length === 0 && lookups.length === 0) return '';
  const title = CASES.find((one) => one.id === id)?.title ?? '';
  const table = grid([['', ...COLUMNS.map(([head]) => head)], ...rows]);
  const extra = summary.extraShare(id);
  const last = extra === undefined ? [] : [`extra bytes: ${(100 * extra).toFixed(1)} %`];
  return [`${id}: ${title}`, table, ...lookups, ...last].join('\n');
}

function downloadTable(downloads: readonly DownloadRecord[]): string {
  if (downloads.length === 0) return '';
  const rows = WAYS.map((way) => [
    `${way.contestant} ${way.protocol}`,
    text(medianMbps(downloads, way), 1, 1),
  ]);
  return `quic: Chromium downloads over the twin uplinks, or over one of them\n${grid([['', 'Mbit/s'], ...rows])}`;
}

function rateTable(rates: readonly PacketRateRecord[]): string {
  if (rates.length === 0) return '';
  const rows = medianRates(rates).map(({ contender, bytes, perSecond, cpuMicroseconds }) => [
    `${contender} ${bytes} bytes`,
    text(perSecond, 1, 0),
    text(cpuMicroseconds, 1, 1),
  ]);
  return `loopback\n${grid([['', 'datagrams/s', 'CPU us each'], ...rows])}`;
}

function goalsTable(goals: readonly DatagramJudgement[]): string {
  const rows = goals.map(({ goal, where, value, bound, isMet, isMore }) => [
    isMet === undefined ? 'not measured' : isMet ? 'MET' : 'MISSED',
    goal,
    where,
    value === undefined ? '-' : exact(value),
    `${isMore ? '>=' : '<='} ${bound}`,
  ]);
  return rows.length === 0 ? '' : `Goals\n${grid([['', 'goal', 'where', 'value', 'bound'], ...rows])}`;
}

function problems(
  records: readonly DatagramRecord[],
  rates: readonly PacketRateRecord[],
  downloads: readonly DownloadRecord[],
): string {
  const wrong = [
    ...records.flatMap((one) =>
      one.error === undefined
        ? []
        : [`${one.case} ${one.contestant} ${one.traffic ?? ''} #${one.repetition}: ${one.error}`],
    ),
    ...rates.flatMap((one) =>
      one.error === undefined
        ? []
        : [`loopback ${one.contender} ${one.bytes} #${one.repetition}: ${one.error}`],
    ),
    ...downloads.flatMap((one) =>
      one.error === undefined
        ? []
        : [`quic ${one.contestant} ${one.protocol} #${one.repetition}: ${one.error}`],
    ),
  ];
  return wrong.length > 0 ? `Went wrong:\n${wrong.join('\n')}` : '';
}

function text(value: number | undefined, scale: number, digits: number): string {
  return value === undefined || Number.isNaN(value) ? '-' : (value * scale).toFixed(digits);
}

function exact(value: number): string {
  return Math.abs(value) >= 10 ? value.toFixed(0) : value.toFixed(4);
}
