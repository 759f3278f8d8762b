import type { Destination } from '../../../shared/protocol/destination.ts';

export interface EachTried<T> {
  readonly reached: readonly { readonly address: Destination; readonly value: T }[];
  readonly failures: readonly { readonly address: Destination; readonly error: Error }[];
}

/** Tries all addresses at once: there are 16 at most, and a dead one takes its time. */
export async function triedEach<T>(
  addresses: readonly Destination[],
  attempt: (address: Destination) => Promise<T>,
): Promise<EachTried<T>> {
  const reached: { address: Destination; value: T }[] = [];
  const failures: { address: Destination; error: Error }[] = [];
  await Promise.all(
    addresses.map(async (address) => {
      try {
        reached.push({ address, value: await attempt(address) });
      } catch (error) {
        failures.push({ address, error: error instanceof Error ? error : new Error(String(error)) });
      }
    }),
  );
  const inOrder = (one: { address: Destination }, other: { address: Destination }) =>
    addresses.indexOf(one.address) - addresses.indexOf(other.address);
  return { reached: reached.sort(inOrder), failures: failures.sort(inOrder) };
}
