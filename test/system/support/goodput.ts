import { expect, type TestContext } from 'vitest';
import { measureCalmly } from '../../support/measure-calmly.ts';
import type { Pair } from './pair.ts';
import { expectWhole } from './system.ts';
import type { Transfer, TransferResult } from './transfer.ts';

interface GoodputResult extends TransferResult {
  /** Of the worst second of the program that was worse off, in which it was ready to run and did not. */
  readonly cpuWaitShare: number;
}

/** The goodput of the first of up to three transfers that has more than `boundMbps`. Skips the test where the machine is too busy. */
export function goodputAbove(
  { pair, context, bytes, boundMbps }: { pair: Pair; context: TestContext; bytes: number; boundMbps: number },
  begin: () => Promise<Transfer>,
): Promise<GoodputResult> {
  return measureCalmly(
    context,
    async (witness) => {
      const transfer = await begin();
      for (const { pid } of [pair.client, pair.concentrator]) witness.watch(pid);
      const result = await expectWhole(transfer, bytes);
      return { ...result, cpuWaitShare: witness.worstShare };
    },
    ({ mbps }) => expect(mbps).toBeGreaterThan(boundMbps),
  );
}

/** For the test log. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
