import { waitedForCpuMs } from './cpu-wait.ts';

interface Look {
  readonly atMs: number;
  readonly waitedMs: number;
}

const LOOK_EVERY_MS = 100;
/** Long enough for a share of it to mean something, and short enough for a moment in which something else ran to show. */
const WINDOW_MS = 1_000;

/**
 * Watches how long programs have to wait for a processor, as the witness of what is measured meanwhile: where something else
 * keeps the machine busy, for a second or for all of the time, less is measured than the programs can do.
 */
export class CpuWitness {
  readonly #timers: NodeJS.Timeout[] = [];
  #worstShare = 0;

  /** Looks at a program until it ends, or until `stop`. */
  watch(pid: number): void {
    let looks: Look[] = [];
    const look = async () => {
      const waitedMs = await waitedForCpuMs(pid).catch(() => undefined);
      if (waitedMs === undefined) {
        clearInterval(timer);
        return;
      }
      const last = { atMs: performance.now(), waitedMs };
      looks.push(last);
      const first = looks.findLast(({ atMs }) => last.atMs - atMs >= WINDOW_MS);
      if (first === undefined) return;
      looks = looks.slice(looks.indexOf(first));
      const share = (last.waitedMs - first.waitedMs) / (last.atMs - first.atMs);
      // The kernel counts a wait when it ends, and so some of it to the next second.
      this.#worstShare = Math.max(this.#worstShare, Math.min(1, share));
    };
    const timer = setInterval(() => void look(), LOOK_EVERY_MS);
    this.#timers.push(timer);
    void look();
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** Of the worst second of the program that was worst off, the part in which it was ready to run and others ran. */
  get worstShare(): number {
    return this.#worstShare;
  }
}
