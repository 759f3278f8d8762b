import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { CpuWitness } from '../lab/cpu-witness.ts';
import { measureCalmly } from './measure-calmly.ts';

/** Ends by itself, should nobody end it. */
const SPIN = ['taskset', '-c', '0', 'sh', '-c', 'ulimit -t 30; while :; do :; done'];
/** The witness looks at whole seconds. */
const MEASURING_MS = 1_500;

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start([command, ...args]: readonly string[]): number {
  const child = spawn(command!, args, { stdio: 'ignore' });
  children.push(child);
  return child.pid!;
}

/** A program that shares one processor with three others. */
function held(): number {
  const [pid] = [start(SPIN), start(SPIN), start(SPIN), start(SPIN)];
  return pid;
}

const context = {
  skip: (why?: unknown): never => {
    throw new Error(`skipped: ${why}`);
  },
};
const missed = () => {
  throw new Error('missed');
};

test('a program that shares its processor with three others has waited; one that sleeps has not', async () => {
  const [witness, other] = [new CpuWitness(), new CpuWitness()];
  witness.watch(held());
  other.watch(start(['sleep', '60']));
  await expect.poll(() => witness.worstShare).toBeGreaterThan(0.5);
  witness.stop();
  other.stop();
  expect(other.worstShare).toBeLessThan(0.35);
});

describe('what is missed', () => {
  test('is measured again', async () => {
    const measure = vi.fn(async () => measure.mock.calls.length);
    const judge = (count: number) => expect(count).toBe(2);
    expect(await measureCalmly(context, measure, judge)).toBe(2);
  });

  test('fails where the programs need not wait for a processor', async () => {
    const measure = vi.fn(async (witness: CpuWitness) => {
      witness.watch(start(['sleep', '60']));
      await sleep(MEASURING_MS);
    });
    await expect(measureCalmly(context, measure, missed)).rejects.toThrow(/^missed$/);
    expect(measure).toHaveBeenCalledTimes(3);
  });

  test('proves nothing where they must', async () => {
    const pid = held();
    const measure = async (witness: CpuWitness) => {
      witness.watch(pid);
      await sleep(MEASURING_MS);
    };
    await expect(measureCalmly(context, measure, missed)).rejects.toThrow(
      'skipped: the machine is too busy to measure',
    );
  });

  test('is not what cannot be measured at all', async () => {
    const measure = vi.fn(() => Promise.reject(new Error('no program')));
    await expect(measureCalmly(context, measure, () => {})).rejects.toThrow('no program');
    expect(measure).toHaveBeenCalledTimes(1);
  });
});
