import { formatBitRate } from '../config/bit-rate.ts';
import { byteText } from '../text/byte-text.ts';
import type { SubflowReport, SubflowsReport } from './subflow-report.ts';

/** Rows as a table for a terminal: columns of equal width, two blanks between them. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** `45 s`, `12 min`, `3 h`, `5 days`: for how long something has been so, at the time `now`. */
export function forText(since: string, now: string): string {
  const seconds = Math.max(0, Math.round((Date.parse(now) - Date.parse(since)) / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 2 * 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** What the columns of `figureCells` are. */
export const FIGURE_HEADS = ['RTT', 'RATE', 'IN FLIGHT'] as const;

export function figureCells({
  rttMs,
  rateBitsPerSecond,
  inFlightBytes,
}: Pick<SubflowsReport, 'rttMs' | 'rateBitsPerSecond' | 'inFlightBytes'>): string[] {
  return [
    rttMs === null ? '-' : `${rttMs} ms`,
    rateBitsPerSecond === null ? '-' : bitRateText(rateBitsPerSecond),
    byteText(inFlightBytes),
  ];
}

/** All subflows of the uplinks as one table; empty when there are none. */
export function subflowTable(
  uplinks: readonly { readonly name: string; readonly subflows: readonly SubflowReport[] }[],
  now: string,
): string {
  const rows = uplinks.flatMap(({ name, subflows }) =>
    subflows.map((subflow) => subflowCells(name, subflow, now)),
  );
  return rows.length === 0 ? '' : textTable([SUBFLOW_HEADS, ...rows]);
}

const SUBFLOW_HEADS = [
  'SUBFLOW',
  'UPLINK',
  'STATE',
  'FOR',
  ...FIGURE_HEADS,
  'SENT',
  'RECEIVED',
  'FROM',
  'TO',
  'REASON',
] as const;

function subflowCells(uplink: string, subflow: SubflowReport, now: string): string[] {
  return [
    `${subflow.id}`,
    uplink,
    subflow.backup && subflow.state === 'active' ? 'backup' : subflow.state,
    forText(subflow.since, now),
    ...figureCells(subflow),
    byteText(subflow.sentBytes),
    byteText(subflow.receivedBytes),
    subflow.local,
    subflow.remote,
    subflow.reason ?? '',
  ];
}

export function bitRateText(bitsPerSecond: number): string {
  const precise = bitsPerSecond >= 1000 ? Number(bitsPerSecond.toPrecision(3)) : bitsPerSecond;
  return formatBitRate(precise / 8);
}
