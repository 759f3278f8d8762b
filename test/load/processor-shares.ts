import { existsSync, rmdirSync } from 'node:fs';
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = '/sys/fs/cgroup';
/** How long a process waits at most for its next share: short, so that its queues do not fill meanwhile. */
const PERIOD_US = 10_000;
/** The system may need a moment to notice that the last process has ended. */
const REMOVE_TRIES = 20;
const REMOVE_EVERY_MS = 100;

/** Holds processes to a share of one core each, by control groups of the kernel, of either version. As root. */
export class ProcessorShares {
  readonly #groups: string[] = [];

  /** Rejects where the system has no such control groups. */
  async limit(pid: number, share: number): Promise<void> {
    const quotaUs = Math.round(PERIOD_US * share);
    const isUnified = existsSync(join(ROOT, 'cgroup.controllers'));
    const group = join(isUnified ? ROOT : join(ROOT, 'cpu'), `tributary-load-${pid}`);
    if (isUnified) await writeFile(join(ROOT, 'cgroup.subtree_control'), '+cpu');
    await mkdir(group);
    if (this.#groups.length === 0) process.once('exit', this.#removeAtOnce);
    this.#groups.push(group);
    if (isUnified) await writeFile(join(group, 'cpu.max'), `${quotaUs} ${PERIOD_US}`);
    else {
      await writeFile(join(group, 'cpu.cfs_period_us'), String(PERIOD_US));
      await writeFile(join(group, 'cpu.cfs_quota_us'), String(quotaUs));
    }
    await writeFile(join(group, 'cgroup.procs'), String(pid));
  }

  /** Once the processes have ended. */
  async remove(): Promise<void> {
    for (const group of this.#groups) {
      for (let tries = 0; existsSync(group) && tries < REMOVE_TRIES; tries++)
        await rmdir(group).catch(() => sleep(REMOVE_EVERY_MS));
    }
    this.#groups.length = 0;
    process.off('exit', this.#removeAtOnce);
  }

  /** An interrupt has killed the processes, and this one waits no longer. */
  readonly #removeAtOnce = (): void => {
    for (const group of this.#groups) {
      try {
        rmdirSync(group);
      } catch {
        // A process that has not ended yet keeps it.
      }
    }
  };
}
