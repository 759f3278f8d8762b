import { closeSync, openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import {
  Descriptors,
  type DescriptorUse,
  descriptorLimit,
} from '../../../shared/runtime/kernel/descriptors.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { needs } from '../../support/needs.ts';

function bed(use: { open: number | undefined; limit: number | undefined }) {
  let nowMs = 0;
  const onRefused = vi.fn<(work: string, use: DescriptorUse) => void>();
  const descriptors = new Descriptors(() => nowMs, onRefused, {
    open: () => use.open,
    limit: () => use.limit,
    openAgeMs: 10,
  });
  const wait = (ms: number) => {
    nowMs += ms;
  };
  return { descriptors, onRefused, wait };
}

describe('descriptors', () => {
  it.each([
    { limit: 65_536, streams: 65_536 - 128, subflows: 65_536 - 64 },
    { limit: 1_024, streams: 1_024 - 128, subflows: 1_024 - 64 },
    { limit: 96, streams: 96 - 24, subflows: 96 - 12 },
  ])('of $limit leave some for subflows, and some more for the rest', ({ limit, streams, subflows }) => {
    const use = { open: 0, limit };
    const { descriptors, wait } = bed(use);
    const taken = (work: 'stream' | 'subflow') => {
      let count = 0;
      while (descriptors.take(work)) count += 1;
      return count;
    };
    expect(taken('stream')).toBe(streams);
    expect(taken('subflow')).toBe(subflows - streams);
    expect(descriptors.refused).toEqual({ stream: 1, subflow: 1 });
    use.open = 10;
    wait(10);
    expect(descriptors.take('stream')).toBe(true);
  });

  it('are read anew after a while, and the limit too', () => {
    const use: { open: number | undefined; limit: number | undefined } = { open: 90, limit: 96 };
    const { descriptors, onRefused, wait } = bed(use);
    expect(descriptors.take('subflow')).toBe(false);
    expect(onRefused).toHaveBeenCalledWith('subflow', { open: 90, limit: 96 });
    use.limit = 4_096;
    wait(1_000);
    expect(descriptors.take('stream')).toBe(true);
    // No descriptor is left to read it with: what was known still counts.
    use.limit = undefined;
    use.open = 4_090;
    wait(1_000);
    expect(descriptors.take('stream')).toBe(false);
  });

  it('are counted again before work is refused: most may be closed by then', () => {
    const use = { open: 0, limit: 96 };
    const { descriptors, wait } = bed(use);
    while (descriptors.take('stream'));
    wait(2);
    expect(descriptors.take('stream')).toBe(true);
    // Not at every refusal, since counting costs something.
    use.open = 90;
    wait(2);
    while (descriptors.take('stream'));
    use.open = 0;
    wait(1);
    expect(descriptors.take('stream')).toBe(false);
  });

  it('have no bound where the system tells none', () => {
    expect(bed({ open: undefined, limit: 10 }).descriptors.take('stream')).toBe(true);
    expect(bed({ open: 10, limit: undefined }).descriptors.take('stream')).toBe(true);
  });

  it('are read from the kernel', needs('libc'), () => {
    let nowMs = 0;
    const told: DescriptorUse[] = [];
    const descriptors = new Descriptors(
      () => nowMs,
      (_work, use) => told.push(use),
    );
    expect(descriptors.take('stream')).toBe(true);
    const opened = Array.from({ length: 20 }, () => openSync('/dev/null', 'r'));
    nowMs += 10_000;
    expect(descriptors.take('stream')).toBe(true);
    for (const descriptor of opened) closeSync(descriptor);
    expect(told).toEqual([]);
  });
});

it('reads the limit of the process, where the system tells it', async () => {
  const file = join(await temporaryDirectory(), 'limits');
  await writeFile(
    file,
    'Limit                     Soft Limit           Hard Limit           Units\n' +
      'Max processes             1000                 1000                 processes\n' +
      'Max open files            524288               524288               files\n',
  );
  expect(await descriptorLimit(file)).toBe(524_288);
  expect(await descriptorLimit(`${file}.none`)).toBeUndefined();
});
