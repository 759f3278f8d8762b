import { describe, expect, it } from 'vitest';
import { startOrTell } from '../../../shared/runtime/config/start-service.ts';

const SERVICE = 'tributary-client';

/** What systemd says of a service for some time, and of a job that waits for it. */
interface Phase {
  readonly forMs: number;
  readonly state: string;
  readonly pid?: number;
  readonly job?: number;
  readonly restarts?: number;
}
/** What ran before runs on while its connections finish. */
const DRAINS: Phase = { forMs: 30_000, state: 'deactivating', pid: 7, job: 1 };
const RUNS: Phase = { forMs: Number.POSITIVE_INFINITY, state: 'active', pid: 8 };
/** It ends, and is started again a while later, for ever. */
const CRASHES: readonly Phase[] = Array.from({ length: 50 }, (_, i) => [
  { forMs: 1_000, state: 'active', pid: 100 + i, restarts: i },
  { forMs: 2_000, state: 'activating', restarts: i },
]).flat();

describe('startOrTell', () => {
  it.each<[what: string, phases: readonly Phase[], atLeastMs: number, atMostMs: number]>([
    ['at once', [RUNS], 2_000, 3_000],
    ['after what ran before', [DRAINS, { forMs: 10, state: 'inactive', job: 1 }, RUNS], 32_000, 33_000],
    [
      'after it was active until its end',
      [{ forMs: 5_000, state: 'active', pid: 7, job: 1 }, RUNS],
      7_000,
      8_000,
    ],
    ['at its second try', [...CRASHES.slice(0, 2), RUNS], 5_000, 6_000],
  ])('says that a service runs when it does: %s', async (_, phases, atLeastMs, atMostMs) => {
    const system = new FakeSystem(phases);
    expect(await startOrTell(true, SERVICE, '', system)).toMatch(/^tributary-client runs\./);
    expect(system.nowMs).toBeGreaterThanOrEqual(atLeastMs);
    expect(system.nowMs).toBeLessThanOrEqual(atMostMs);
  });

  it.each<[what: string, phases: readonly Phase[], withinMs: number]>([
    ['it ends at once', [{ forMs: 1_000, state: 'active', pid: 8 }, ended('failed')], 2_000],
    ['it has no configuration', [ended('inactive')], 1_000],
    [
      'it ends after what ran before has',
      [DRAINS, { forMs: 500, state: 'active', pid: 8 }, ended('failed')],
      32_000,
    ],
    ['it is started again and again', CRASHES, 8_000],
    ['it never gets that far', [{ ...DRAINS, forMs: Number.POSITIVE_INFINITY }], 61_000],
    ['systemd does not answer', [], 61_000],
  ])('says that a service does not run, with its log: %s', async (_, phases, withinMs) => {
    const system = new FakeSystem(phases);
    await expect(startOrTell(true, SERVICE, '', system)).rejects.toThrow(
      /does not run.*\nport 8443 is taken$/,
    );
    expect(system.nowMs).toBeLessThanOrEqual(withinMs);
  });

  it('says that systemd refuses, and what to do without it', async () => {
    const run = () => Promise.resolve(undefined);
    const refused = startOrTell(true, SERVICE, '', { run, sleep: () => Promise.resolve() });
    await expect(refused).rejects.toThrow(/cannot be started/);
    await expect(startOrTell(true, undefined, 'by hand')).rejects.toThrow(/start it by hand/);
    expect(await startOrTell(false, undefined, 'by hand')).toBe('Next, here: by hand');
  });
});

function ended(state: string): Phase {
  return { forMs: Number.POSITIVE_INFINITY, state };
}

/** systemd, where each phase follows on the one before. */
class FakeSystem {
  nowMs = 0;
  readonly #phases: readonly Phase[];

  constructor(phases: readonly Phase[]) {
    this.#phases = phases;
  }

  readonly sleep = (ms: number): Promise<void> => {
    this.nowMs += ms;
    return Promise.resolve();
  };

  readonly run = (name: string, args: readonly string[]): Promise<string | undefined> => {
    if (name === 'journalctl') return Promise.resolve('port 8443 is taken\n');
    return Promise.resolve(args.includes('show') ? this.#shown() : '');
  };

  #shown(): string | undefined {
    let beginMs = 0;
    for (const { forMs, state, pid = 0, job, restarts = 0 } of this.#phases) {
      if (this.nowMs < beginMs + forMs)
        return `MainPID=${pid}\nActiveState=${state}\nNRestarts=${restarts}\n${job === undefined ? '' : `Job=${job}\n`}`;
      beginMs += forMs;
    }
    return undefined;
  }
}
