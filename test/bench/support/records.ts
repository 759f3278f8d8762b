import type { Figures } from '../figures.ts';
import type { RunRecord } from '../run-group.ts';

/** A run for tests: a bulk download of ours in E1 on BBR hosts unless told. */
export function record(
  figures: Partial<Figures>,
  changed: Partial<Omit<RunRecord, 'figures'>> = {},
): RunRecord {
  return {
    scenario: 'E1',
    hosts: 'bbr',
    contestant: 'tributary',
    workload: 'bulk-down',
    repetition: 1,
    emulatorLateUs: 10,
    ...changed,
    figures: { failures: 0, ...figures },
  };
}
