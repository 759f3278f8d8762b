import { lookup } from 'node:dns/promises';
import { atMost } from '../../shared/runtime/async/at-most.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';

/** A name server that answers at all answers sooner; then the last answer is as good. */
const PATIENCE_MS = 1_000;
/** RFC 8305 section 3, the Resolution Delay: how long one family's answer waits for the other's. */
const RESOLUTION_DELAY_MS = 50;
/** More of one family are the same machine all the same. */
const MAX_ADDRESSES = 4;

/**
 * The addresses of the concentrator's names. A name that does not resolve, or not soon, stands for its last addresses: the name
 * server may be behind the very uplink that has died, and the others must not wait for it. As many as there are names in
 * the configuration.
 */
export class TargetNames {
  readonly #last = new Map<string, readonly string[]>();
  /** Lookups under way, which all who ask meanwhile share. */
  readonly #pending = new Map<string, Promise<readonly string[]>>();

  /**
   * The addresses of the families asked for, in that order; one family alone where the other's answer takes longer. Rejects with
   * Node's error when no family has any, or with the signal's reason.
   */
  async addressesOf(
    name: string,
    families: readonly (4 | 6)[],
    signal: CancelSignal,
  ): Promise<readonly string[]> {
    const found = new Map<4 | 6, readonly string[]>();
    const answers = families.map(async (family) => {
      found.set(family, await this.#ofFamily(name, family, signal));
    });
    const all = Promise.allSettled(answers);
    await Promise.any(answers).catch(({ errors }: AggregateError) => Promise.reject(errors[0]));
    await atMost(RESOLUTION_DELAY_MS, all);
    return families.flatMap((family) => found.get(family) ?? []);
  }

  /** What the name was last known to stand for. */
  known(name: string): readonly string[] {
    return [...(this.#last.get(keyOf(name, 6)) ?? []), ...(this.#last.get(keyOf(name, 4)) ?? [])];
  }

  #ofFamily(name: string, family: 4 | 6, signal: CancelSignal): Promise<readonly string[]> {
    const last = this.#last.get(keyOf(name, family));
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        how();
      };
      // The lookup itself cannot be interrupted.
      const onAbort = () => settle(() => reject(signal.reason));
      const timer =
        last === undefined ? undefined : setTimeout(() => settle(() => resolve(last)), PATIENCE_MS);
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort);
      this.#lookup(name, family).then(
        (addresses) => settle(() => resolve(addresses)),
        (error) => settle(() => (last === undefined ? reject(error) : resolve(last))),
      );
    });
  }

  #lookup(name: string, family: 4 | 6): Promise<readonly string[]> {
    const key = keyOf(name, family);
    let pending = this.#pending.get(key);
    if (pending === undefined) {
      pending = lookup(name, { family, all: true })
        .then((answers) => {
          const addresses = answers.slice(0, MAX_ADDRESSES).map(({ address }) => address);
          this.#last.set(key, addresses);
          return addresses;
        })
        .finally(() => this.#pending.delete(key));
      this.#pending.set(key, pending);
    }
    return pending;
  }
}

function keyOf(name: string, family: 4 | 6): string {
  return `${family} ${name}`;
}
