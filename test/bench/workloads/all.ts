import { bulkDown, bulkUp } from './bulk.ts';
import { echo } from './echo.ts';
import { besideBulk, fetchLarge, fetchSmall } from './fetches.ts';
import { page } from './page.ts';
import type { Workload } from './workload.ts';

/** In the order in which they run: what starts on an idle network first, what fills it last. */
export const WORKLOADS: readonly Workload[] = [
  fetchSmall,
  fetchLarge,
  page,
  echo,
  bulkDown,
  bulkUp,
  besideBulk,
];
