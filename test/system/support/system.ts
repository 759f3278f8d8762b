import { afterAll, beforeAll, describe, expect, type TestContext } from 'vitest';
import { Network, type NetworkOptions, whyNoNetwork } from './namespaces.ts';
import { Pair } from './pair.ts';
import { expectedSha256, type Transfer, type TransferResult } from './transfer.ts';

/** A pair in a network, for the tests of one block. */
export interface System {
  readonly network: Network;
  readonly pair: Pair;
}

/** Several times what the longest test takes on a machine of its own. */
const TEST_TIMEOUT_MS = 60_000;

/** As `describe`, with a network and a pair (not started) around its tests; skipped where there can be no network. */
export function describeSystem(
  name: string,
  options: NetworkOptions,
  tests: (system: () => System) => void,
): void {
  const reason = whyNoNetwork();
  const title = `${name}${reason ? ` (skipped: ${reason})` : ''}`;
  describe.skipIf(reason)(title, { timeout: TEST_TIMEOUT_MS }, () => {
    let network: Network | undefined;
    let pair: Pair | undefined;
    beforeAll(async () => {
      network = await Network.create(options);
      pair = await Pair.create(network);
    });
    afterAll(async () => {
      await pair?.close();
      await network?.close();
    });
    tests(() => ({ network: network!, pair: pair! }));
  });
}

/** Fails unless the transfer brings exactly these bytes and curl sees no error. */
export async function expectWhole(transfer: Transfer, bytes: number): Promise<TransferResult> {
  const result = await transfer.done;
  expect(result).toMatchObject({ exitCode: 0, stderr: '', bytes, sha256: expectedSha256(bytes) });
  return result;
}

/**
 * The goodput of the first of up to three transfers that reaches `boundMbps`, else of the best. A machine that is busy with
 * something else shows less than the programs can do: transfers during which one of them had to wait long for a processor
 * prove nothing, and when there are no others the test is skipped.
 */
export async function bestGoodput(
  { pair, context, bytes, boundMbps }: { pair: Pair; context: TestContext; bytes: number; boundMbps: number },
  begin: () => Promise<Transfer>,
): Promise<GoodputResult> {
  const attempts: GoodputResult[] = [];
  while (attempts.length < MAX_ATTEMPTS && attempts.every(({ mbps }) => mbps < boundMbps)) {
    const transfer = await begin();
    const programs = [pair.client, pair.concentrator];
    const waitedMs = () => Promise.all(programs.map((program) => program.waitedForCpuMs()));
    const before = await waitedMs();
    const startMs = performance.now();
    const result = await expectWhole(transfer, bytes);
    const elapsedMs = performance.now() - startMs;
    const shares = (await waitedMs()).map((ms, i) => (ms - before[i]!) / elapsedMs);
    attempts.push({ ...result, cpuWaitShare: Math.max(...shares) });
  }
  const best = attempts.reduce((one, other) => (other.mbps > one.mbps ? other : one));
  if (best.mbps < boundMbps && attempts.every(({ cpuWaitShare }) => cpuWaitShare > CALM_CPU_WAIT_SHARE)) {
    const shares = attempts.map(
      ({ mbps, cpuWaitShare }) => `${mbps.toFixed(1)} Mbit/s, ${percent(cpuWaitShare)}`,
    );
    context.skip(
      `the machine is too busy to measure (goodput, time waited for a processor): ${shares.join('; ')}`,
    );
  }
  return best;
}

export interface GoodputResult extends TransferResult {
  /** Of the time of the transfer, in which the program that was worse off was ready to run and did not. */
  readonly cpuWaitShare: number;
}

const MAX_ATTEMPTS = 3;
const CALM_CPU_WAIT_SHARE = 0.05;

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** One line of figures for the test log. */
export function report(line: string): void {
  console.log(`measured: ${line}`);
}
