import type { Transfer } from './agent/arrivals.ts';
import type { ClientJob, ClientResult } from './agent/job.ts';

/** The bulk transfer of a task as its receiver saw it; `received` is what the origin tells of an upload. */
export async function outcome(
  task: ClientJob['task'],
  { bulk, error }: ClientResult,
  received: Promise<Transfer> | undefined,
): Promise<Transfer | undefined> {
  if (bulk || !received || error !== undefined) return bulk;
  const transfer = await received;
  // The origin is not told how much is to come.
  const isWhole = task.kind !== 'bulk' || task.bytes === undefined || task.bytes === transfer.bytes;
  return { ...transfer, isExact: transfer.isExact && isWhole };
}
