import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import {
  KernelMemoryWatch,
  kernelMemoryLimit,
} from '../../../server-concentrator/session/kernel-memory-watch.ts';

interface Given {
  readonly client: string;
  readonly bytes: number;
  readonly isMoving?: boolean;
}

/** Which of the connections are reset at a limit of 100 bytes. */
function resetOf(given: readonly Given[]): readonly number[] {
  const reset: number[] = [];
  let told = 0;
  const watch = new KernelMemoryWatch({
    limitBytes: 100,
    holders: () =>
      given.map(({ client, bytes, isMoving = false }, i) => ({
        clientId: client,
        bytes,
        isMoving,
        end: () => reset.push(i),
      })),
    narrow: () => {},
    onReset: (count) => {
      told += count;
    },
    logger: pino({ enabled: false }),
  });
  watch.check();
  expect(told).toBe(reset.length);
  return reset;
}

describe('KernelMemoryWatch', () => {
  it.each<[string, readonly Given[], readonly number[]]>([
    [
      'nothing at the limit',
      [
        { client: 'a', bytes: 60 },
        { client: 'b', bytes: 40 },
      ],
      [],
    ],
    [
      'the largest of the client that has most',
      [
        { client: 'a', bytes: 50 },
        { client: 'b', bytes: 30 },
        { client: 'b', bytes: 40 },
      ],
      [2],
    ],
    [
      'those where nothing moves first',
      [
        { client: 'a', bytes: 80, isMoving: true },
        { client: 'a', bytes: 30 },
      ],
      [1],
    ],
    [
      'as many as it takes',
      [
        { client: 'a', bytes: 60 },
        { client: 'a', bytes: 60 },
        { client: 'a', bytes: 90 },
      ],
      [2, 0],
    ],
    [
      'those of the next client when one has too little',
      [
        { client: 'a', bytes: 150 },
        { client: 'b', bytes: 110 },
      ],
      [0, 1],
    ],
  ])('resets %s', (_, given, reset) => {
    expect(resetOf(given)).toEqual(reset);
  });

  it('keeps less for each from half of the bound on, until little is kept', () => {
    const told: boolean[] = [];
    let bytes = 0;
    const watch = new KernelMemoryWatch({
      limitBytes: 100,
      holders: () => [{ clientId: 'a', bytes, isMoving: true, end: () => expect.fail() }],
      narrow: (isNarrow) => told.push(isNarrow),
      onReset: () => {},
      logger: pino({ enabled: false }),
    });
    const after = [49, 50, 60, 25, 24, 49].map((now) => {
      bytes = now;
      watch.check();
      return told.join();
    });
    expect(after).toEqual(['', 'true', 'true', 'true', 'true,false', 'true,false']);
  });

  it('leaves the machine a quarter of what its kernel has for TCP', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-tcp-mem-'));
    const file = join(folder, 'tcp_mem');
    await writeFile(file, '1000\t2000\t3000\n');
    expect(await kernelMemoryLimit(10 ** 9, 1, file)).toBe(1500 * 4096);
    expect(await kernelMemoryLimit(10 ** 6, 1, file)).toBe(1500 * 4096);
    expect(await kernelMemoryLimit(10 ** 6, 1, join(folder, 'none'))).toBe(2 ** 26);
    expect(await kernelMemoryLimit(10 ** 8, 1, join(folder, 'none'))).toBe(10 ** 8);
    await rm(folder, { recursive: true });
  });
});
