import { afterAll, beforeAll, describe, expect } from 'vitest';
import { needs } from '../../support/needs.ts';
import { Network, type NetworkOptions } from './namespaces.ts';
import { Pair } from './pair.ts';
import { expectedSha256, type Transfer, type TransferResult } from './transfer.ts';

/** A pair in a network, for the tests of one block. */
export interface System {
  readonly network: Network;
  readonly pair: Pair;
}

/** Several times what the longest test takes on a machine of its own. */
const TEST_TIMEOUT_MS = 180_000;

/** As `describe`, with a network and a pair (not started) around its tests; skipped where there can be no network. */
export function describeSystem(
  name: string,
  options: NetworkOptions,
  tests: (system: () => System) => void,
): void {
  describe(name, { timeout: TEST_TIMEOUT_MS, ...needs('network') }, () => {
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

/** One line of figures for the test log. */
export function report(line: string): void {
  console.log(`measured: ${line}`);
}
