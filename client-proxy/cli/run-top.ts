import { UsageError } from '../../shared/runtime/config/command-line.ts';
import { DURATION_FORMAT, formatDuration, parseDuration } from '../../shared/runtime/config/duration.ts';
import type { ToldAt } from '../../shared/runtime/config/status-command.ts';
import { top } from '../top/top.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';

/** Below it the programs would notice. */
const LEAST_INTERVAL_MS = 200;

/** Runs `top`. Throws UsageError for an interval that makes no sense, and what `top` throws. */
export async function runTop(
  client: ToldAt,
  { interval }: { readonly interval: string },
  program: string,
  deps: ClientCliDeps,
): Promise<void> {
  const intervalMs = parseDuration(interval);
  if (intervalMs === undefined || intervalMs < LEAST_INTERVAL_MS) {
    throw new UsageError(
      `--interval: expected ${DURATION_FORMAT}, at least ${formatDuration(LEAST_INTERVAL_MS)}`,
    );
  }
  await top(client, intervalMs, program, deps);
}
