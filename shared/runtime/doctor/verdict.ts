import type { Outcome, Report } from './finding.ts';
import { titleOf } from './run-checks.ts';

/** All reports in a few words. */
export interface Verdict {
  readonly outcome: Exclude<Outcome, 'skipped'>;
  /** The sum in the first line, then one line for each thing that is wrong. */
  readonly words: readonly string[];
  /** What mends it, each line once. */
  readonly remedy: readonly string[];
  /** What works, and could be better. */
  readonly advice: readonly string[];
}

/** @param placeOf what a report is about, for people: an uplink, "this machine" */
export function verdictOn(reports: readonly Report[], placeOf: (report: Report) => string): Verdict {
  const failed = reports.filter(({ outcome }) => outcome === 'failed');
  const warned = reports.filter(({ outcome }) => outcome === 'warning');
  // What is left out altogether is no uplink now: it neither works nor fails.
  const tried = reports.filter(({ outcome }) => outcome !== 'skipped');
  const uplinks = [...new Set(tried.flatMap(({ uplink }) => uplink ?? []))];
  const broken = uplinks.filter((name) => isBroken(tried.filter(({ uplink }) => uplink === name)));
  const troubles = [...failed, ...warned];
  const lines = troubles.map((report) => `${placeOf(report)}, ${titleOf(report.check)}: ${report.words}`);
  return {
    outcome: failed.length > 0 ? 'failed' : warned.length > 0 ? 'warning' : 'ok',
    words: [sumOf(uplinks, broken, troubles.length), ...new Set(lines)],
    remedy: [...new Set(troubles.flatMap(({ remedy }) => remedy))],
    advice: [
      ...new Set(
        reports
          .filter(({ outcome }) => outcome === 'ok' || outcome === 'skipped')
          .flatMap(({ remedy }) => remedy),
      ),
    ],
  };
}

/** Whether an uplink leads to none of the concentrators: one that fails to some of them works. */
function isBroken(reports: readonly Report[]): boolean {
  const failed = new Set(
    reports.filter(({ outcome }) => outcome === 'failed').map(({ concentrator }) => concentrator),
  );
  if (failed.has(undefined)) return true;
  return failed.size > 0 && reports.every(({ concentrator }) => failed.has(concentrator));
}

function sumOf(uplinks: readonly string[], broken: readonly string[], troubles: number): string {
  if (troubles === 0) return 'all is well';
  if (uplinks.length === 0) return troubles === 1 ? 'one thing is wrong' : `${troubles} things are wrong`;
  if (broken.length === 0) return 'all uplinks work, but not everything is as it should be';
  if (broken.length === uplinks.length)
    return uplinks.length === 1 ? `the uplink ${uplinks[0]} does not work` : 'no uplink works';
  return `${uplinks.length - broken.length} of ${uplinks.length} uplinks ${uplinks.length - broken.length === 1 ? 'works' : 'work'}; what is wrong with ${broken.join(', ')}:`;
}
