import { kernelFinding } from '../../../shared/runtime/doctor/kernel-finding.ts';
import { readKernelSettings } from '../../../shared/runtime/doctor/kernel-settings.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';

/** The kernel's settings for TCP. */
export const kernelCheck: ConcentratorCheck = {
  name: 'kernel',
  run: () => kernelFinding(readKernelSettings()),
};
