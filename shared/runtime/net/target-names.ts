import { lookup } from 'node:dns/promises';
import type { CancelSignal } from '../cancellation.ts';

/** A name server that answers at all answers sooner; then the last answer is as good. */
const PATIENCE_MS = 1_000;

/**
 * The addresses of the concentrator's names. One that does not resolve, or not soon, stands for its last address: the name
 * server may be behind the very uplink that has died, and the others must not wait for it. As many as there are names in
 * the configuration.
 */
export class TargetNames {
  readonly #last = new Map<string, string>();

  /** @param family 0 for either. Rejects with Node's error, or with the signal's reason. */
  addressOf(name: string, family: 0 | 4 | 6, signal: CancelSignal): Promise<string> {
    const key = `${family} ${name}`;
    const last = this.#last.get(key);
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
      lookup(name, { family }).then(
        ({ address }) => {
          this.#last.set(key, address);
          settle(() => resolve(address));
        },
        (error) => settle(() => (last === undefined ? reject(error) : resolve(last))),
      );
    });
  }
}
