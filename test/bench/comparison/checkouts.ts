import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { Checkout } from '../../lab/checkout.ts';
import { type PairPlace, TributarySetup, type Tuning } from '../../lab/tributary-setup.ts';
import { nodeOf } from '../node-option.ts';
import type { BenchOptions } from '../options.ts';
import { tuningOf } from '../tuning-option.ts';
import { foldersOf, versionName } from './versions.ts';

const VERSION_TIMEOUT_MS = 10_000;

/** A checkout whose programs take part. */
export interface NamedCheckout {
  /** As the command line names it; absent: the one that the bench belongs to. */
  readonly folder?: string;
  readonly checkout: Checkout;
  readonly tuning: Tuning;
  /** What runs its programs; absent: what runs the bench. */
  readonly node?: string;
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
  nodes,
}: Pick<BenchOptions, 'contestants' | 'tuning' | 'nodes'>): Promise<NamedCheckout[]> {
  const folders = contestants === undefined ? [undefined] : foldersOf(contestants);
  return Promise.all(
    folders.map(async (folder) => {
      const node = nodeOf(nodes, folder);
      return {
        ...(folder === undefined ? {} : { folder }),
        checkout: folder === undefined ? Checkout.own() : await Checkout.at(resolve(folder)),
        tuning: tuningOf(tuning, folder),
        ...(node === undefined ? {} : { node: resolve(node) }),
      };
    }),
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
    for (const { folder, ...options } of checkouts) {
      const setup = await TributarySetup.create(place, options);
      versions.push({ ...(folder === undefined ? {} : { folder }), setup });
    }
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
  /** The version of Node.js, where it is not the bench's own. */
  readonly node?: string;
}

/** What is to be remembered of the checkouts. */
export function describeCheckouts(checkouts: readonly NamedCheckout[]): Promise<CheckoutRecord[]> {
  return Promise.all(
    checkouts.map(async ({ checkout, tuning, node: file, ...named }) => {
      const commit = await checkout.commit();
      const node = file === undefined ? {} : { node: await versionOf(file) };
      const contestant = versionName({ kind: 'tributary', ...named });
      return { contestant, ...(commit === undefined ? {} : { commit }), tuning, ...node };
    }),
  );
}

async function versionOf(node: string): Promise<string> {
  const { stdout } = await promisify(execFile)(node, ['--version'], { timeout: VERSION_TIMEOUT_MS });
  return stdout.trim();
}
