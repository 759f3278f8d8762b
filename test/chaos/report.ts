import { grid } from '../lab/grid.ts';
import type { Outcome } from './chaos-run.ts';
import { describeFault } from './fault-kinds.ts';
import { wasBusy } from './machine-watch.ts';

/** More findings are of the same kind, mostly. */
const MAX_FINDINGS = 20;

/** What to say of a seed. A failure comes with all that it takes to see it again. */
export function reportText(outcome: Outcome): string {
  const { seed, minutes, findings, schedule, results, skipped, bytes, before, after } = outcome;
  const count = results.exact + results.broken + results.defect;
  const rows = (['client', 'concentrator'] as const).map((role) => {
    const [was, is] = [before[role], after[role]];
    return [
      role,
      ...[
        `${mib(was.heapBytes)} -> ${mib(is.heapBytes)}`,
        `${mib(was.bufferBytes)} -> ${mib(is.bufferBytes)}`,
        `${was.descriptors} -> ${is.descriptors}`,
        `${was.handles} -> ${is.handles}`,
        `${mib(was.residentBytes)} -> ${mib(is.residentBytes)}`,
      ],
    ];
  });
  const lines = [
    `seed ${seed}: ${findings.length === 0 ? 'NOTHING LOST' : 'FAILED'}: ${minutes} min, ${schedule.length} faults, ` +
      `${count} conversations, ${(bytes / 1e6).toFixed(0)} MB: ${results.exact} exact, ` +
      `${results.broken} broken by a fault that may, ${results.defect} defects` +
      `${skipped > 0 ? `, ${skipped} left out` : ''}`,
    indented(grid([['', 'heap MiB', 'buffers MiB', 'descriptors', 'handles', 'resident MiB'], ...rows])),
  ];
  if (findings.length > 0) {
    for (const finding of findings.slice(0, MAX_FINDINGS)) lines.push(`  ${finding}`);
    if (findings.length > MAX_FINDINGS) lines.push(`  and ${findings.length - MAX_FINDINGS} more`);
    lines.push('  the faults:', ...schedule.map((fault) => `  ${describeFault(fault)}`));
    lines.push(`  again: npm run chaos -- --seed ${seed} --minutes ${minutes}`);
  }
  return lines.join('\n');
}

/** Whether a seed has failed by nothing but what a machine that does not keep up may do: what hangs, or is not given back in time. */
export function isDoubtful({ findings, isCertain, lateness }: DoubtfulOutcome): boolean {
  return findings.length > 0 && !isCertain && wasBusy(lateness);
}
export type DoubtfulOutcome = Pick<Outcome, 'findings' | 'isCertain' | 'lateness'>;

export function latenessText({ lateness }: DoubtfulOutcome): string {
  const { meanMs, mostMs } = lateness;
  return `timers were ${meanMs.toFixed(1)} ms late on average, ${mostMs.toFixed(0)} ms at most`;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
