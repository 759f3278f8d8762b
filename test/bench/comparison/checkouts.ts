import { resolve } from 'node:path';
import { Checkout } from '../../lab/checkout.ts';
import { type PairPlace, TributarySetup, type Tuning } from '../../lab/tributary-setup.ts';
import type { BenchOptions } from '../options.ts';
import { tuningOf } from '../tuning-option.ts';
import { foldersOf, versionName } from './versions.ts';

/** A checkout whose programs take part. */
export interface NamedCheckout {
  /** As the command line names it; absent: the one that the bench belongs to. */
  readonly folder?: string;
  readonly checkout: Checkout;
  readonly tuning: Tuning;
}

/** A checkout's pair, set up for a place. */
export interface Version {
  readonly folder?: string;
  readonly setup: TributarySetup;
}

/**
 * The checkouts of these contestants, the bench's own unless told. Throws an Error that says what to do where one cannot be used.
 */
export function checkoutsOf({
  contestants,
  tuning,
}: Pick<BenchOptions, 'contestants' | 'tuning'>): Promise<NamedCheckout[]> {
  const folders = contestants === undefined ? [undefined] : foldersOf(contestants);
  return Promise.all(
    folders.map(async (folder) => ({
      ...(folder === undefined ? {} : { folder }),
      checkout: folder === undefined ? Checkout.own() : await Checkout.at(resolve(folder)),
      tuning: tuningOf(tuning, folder),
    })),
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
    for (const { checkout, tuning, ...named } of checkouts)
      versions.push({ ...named, setup: await TributarySetup.create(place, { checkout, tuning }) });
    return await work(versions);
  } finally {
    for (const { setup } of versions) await setup.remove();
  }
}

/** A checkout, as the JSON has it. */
export interface CheckoutRecord {
  readonly contestant: string;
  /** Absent outside of a git repository. */
  readonly commit?: string;
  readonly tuning: Tuning;
}

/** What is to be remembered of the checkouts. */
export function describeCheckouts(checkouts: readonly NamedCheckout[]): Promise<CheckoutRecord[]> {
  return Promise.all(
    checkouts.map(async ({ checkout, tuning, ...named }) => {
      const commit = await checkout.commit();
      const contestant = versionName({ kind: 'tributary', ...named });
      return { contestant, ...(commit === undefined ? {} : { commit }), tuning };
    }),
  );
}
