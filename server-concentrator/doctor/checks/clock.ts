import { clockFinding } from '../../../shared/runtime/doctor/clock-finding.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';

/** The clock follows a time server. */
export const clockCheck: ConcentratorCheck = {
  name: 'clock',
  run: ({ runTool }) => clockFinding(runTool),
};
