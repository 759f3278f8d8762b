import { byteText } from '../../shared/runtime/text/byte-text.ts';
import { formatRate } from '../measurement/rate.ts';
import type { BothDirections, LoadFigures, SpeedProgress, SpeedReport, UplinkSpeed } from './speed-report.ts';

const HEAD = ['uplink', 'idle', 'down', 'loaded', 'RPM', 'up', 'loaded', 'RPM'] as const;

/** The report for people: a table, and the advice. */
export function speedText(report: SpeedReport): string {
  const measured = report.uplinks.filter(({ state }) => state === 'measured');
  const rows = [
    HEAD,
    ...measured.map((uplink) => [nameOf(uplink), msText(uplink.idleMs), ...figureCells(uplink.alone)]),
    ...(measured.some(({ beside }) => beside.down !== null || beside.up !== null)
      ? [besideRow(measured)]
      : []),
    ['aggregate', msText(report.aggregateIdleMs), ...figureCells(report.aggregate)],
  ];
  const widths = HEAD.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
  );
  const used = `${byteText(report.bytes)} in ${Math.round(report.tookMs / 1_000)} s`;
  return `${[...lines, '', ...report.advice, '', used].join('\n')}\n`;
}

/** One line that says what is measured now. */
export function progressText({ phase, direction, uplinks, bitsPerSecond, share }: SpeedProgress): string {
  const percent = `${Math.round(100 * share)}`.padStart(3);
  if (phase === 'idle') return `${percent} %  round trips of ${uplinks.join(', ')}`;
  const what = phase === 'aggregate' ? 'aggregate' : uplinks.join(' + ');
  const rate = bitsPerSecond === undefined ? '' : `  ${formatRate(bitsPerSecond)}`;
  return `${percent} %  ${direction === 'down' ? 'download' : 'upload'}  ${what}${rate}`;
}

function nameOf({ name, isBackup, isMetered }: UplinkSpeed): string {
  const notes = [...(isBackup ? ['backup'] : []), ...(isMetered ? ['metered'] : [])];
  return notes.length === 0 ? name : `${name} (${notes.join(', ')})`;
}

function figureCells({ down, up }: BothDirections<LoadFigures>): string[] {
  return [down, up].flatMap((figures) => [
    rateText(figures?.bitsPerSecond ?? null),
    msText(figures?.loadedMs ?? null),
    figures?.rpm ? `${figures.rpm} ${figures.grade}` : '-',
  ]);
}

function besideRow(uplinks: readonly UplinkSpeed[]): string[] {
  const sum = (direction: 'down' | 'up') =>
    rateText(uplinks.reduce((total, { beside }) => total + (beside[direction] ?? 0), 0));
  return ['all at once', '-', sum('down'), '-', '-', sum('up'), '-', '-'];
}

function rateText(bitsPerSecond: number | null): string {
  return bitsPerSecond === null ? '-' : formatRate(bitsPerSecond);
}

function msText(ms: number | null): string {
  if (ms === null) return '-';
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
