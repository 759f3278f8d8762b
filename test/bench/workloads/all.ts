import { bulkDown, bulkUp } from './bulk.ts';
import { duplex } from './duplex.ts';
import { echo } from './echo.ts';
import { besideBulk, fetchLarge, fetchMany, fetchSmall, manyBesideBulk, opensBesideBulk } from './fetches.ts';
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
  duplex,
  fetchMany,
  besideBulk,
  manyBesideBulk,
  opensBesideBulk,
];
