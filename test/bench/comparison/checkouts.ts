import { resolve } from 'node:path';
import { Checkout } from '../../lab/checkout.ts';
import { type PairPlace, TributarySetup } from '../../lab/tributary-setup.ts';
import { foldersOf } from './versions.ts';

/** A checkout whose programs take part. */
export interface NamedCheckout {
  /** As the command line names it; absent: the one that the bench belongs to. */
  readonly folder?: string;
  readonly checkout: Checkout;
}

/** A checkout's pair, set up for a place. */
export interface Version {
  readonly folder?: string;
  readonly setup: TributarySetup;
}

/**
 * The checkouts of these contestants, the bench's own unless told. Throws an Error that says what to do where one cannot be used.
 */
export function checkoutsOf(contestants: readonly string[] | undefined): Promise<NamedCheckout[]> {
  const folders = contestants === undefined ? [undefined] : foldersOf(contestants);
  return Promise.all(
    folders.map(async (folder) =>
      folder === undefined
        ? { checkout: Checkout.own() }
        : { folder, checkout: await Checkout.at(resolve(folder)) },
    ),
  );
}

/** Sets up a pair of each checkout, works with them, and removes them. */
export async function withVersions<T>(
  place: PairPlace,
  checkouts: readonly NamedCheckout[],
  work: (versions: readonly Version[]) => Promise<T>,
): Promise<T> {
  const versions: Version[] = [];
  try {
    for (const { checkout, ...named } of checkouts)
      versions.push({ ...named, setup: await TributarySetup.create(place, checkout) });
    return await work(versions);
  } finally {
    for (const { setup } of versions) await setup.remove();
  }
}

/** What the JSON has of the checkouts. */
export function describeCheckouts(
  checkouts: readonly NamedCheckout[],
): Promise<{ readonly folder?: string; readonly commit?: string }[]> {
  return Promise.all(
    checkouts.map(async ({ checkout, ...named }) => {
      const commit = await checkout.commit();
      return { ...named, ...(commit === undefined ? {} : { commit }) };
    }),
  );
}
