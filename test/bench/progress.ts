import type { Figures } from './figures.ts';
import { expectedMs, type Group } from './plan.ts';
import type { RunRecord } from './run-group.ts';

/** Progress of a run: what was measured, the time so far, and the time left. */
export class Progress {
  readonly #totalMs: number;
  readonly #count: number;
  readonly #startMs = performance.now();
  #doneMs = 0;
  #done = 0;

  constructor(groups: readonly Group[]) {
    this.#count = groups.length;
    this.#totalMs = groups.reduce((sum, group) => sum + expectedMs(group), 0);
  }

  /** What to say of a group that is done. */
  line(group: Group, records: readonly RunRecord[]): string {
    this.#done++;
    this.#doneMs += expectedMs(group);
    const elapsedMs = performance.now() - this.#startMs;
    const restMs = (elapsedMs / this.#doneMs) * (this.#totalMs - this.#doneMs);
    const clock = `${this.#done}/${this.#count}, ${minutes(elapsedMs)}, about ${minutes(restMs)} left`;
    const { scenario, hosts, contestant, repetition } = group;
    const figures = records.map(
      ({ workload, figures, error }) => `${workload} ${brief(figures)}${error ? ` (${error})` : ''}`,
    );
    return `[${clock}] ${scenario.id} ${hosts} ${contestant.name} #${repetition}: ${figures.join('; ')}`;
  }
}

/** A time for people, as `1h02m` or `3m10s`. */
export function minutes(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)}h${two(Math.floor((seconds % 3600) / 60))}m`;
  return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
}

function brief(figures: Figures): string {
  const parts: string[] = [];
  if (figures.goodputMbps !== undefined) parts.push(`${figures.goodputMbps.toFixed(1)} Mbit/s`);
  if (figures.overSum !== undefined && figures.afterFault === undefined)
    parts.push(`${figures.overSum.toFixed(3)} of sum`);
  if (figures.afterFault !== undefined) parts.push(`${figures.afterFault.toFixed(3)} of what is left`);
  if (figures.upOverSum !== undefined) parts.push(`upload ${figures.upOverSum.toFixed(3)} of sum`);
  if (figures.backMs !== undefined) parts.push(`back after ${figures.backMs.toFixed(0)} ms`);
  if (figures.longestGapMs !== undefined) parts.push(`gap ${figures.longestGapMs.toFixed(0)} ms`);
  if (figures.totalMs !== undefined && figures.p50Ms !== undefined)
    parts.push(
      `p50 ${figures.p50Ms.toFixed(0)}, p95 ${figures.p95Ms?.toFixed(0)}, all ${figures.totalMs.toFixed(0)} ms`,
    );
  else if (figures.p50Ms !== undefined)
    parts.push(`p50 ${figures.p50Ms.toFixed(0)}, p95 ${figures.p95Ms?.toFixed(0)} ms`);
  if (figures.failures > 0) parts.push('FAILED');
  return parts.join(', ') || 'nothing';
}
