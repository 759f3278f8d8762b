import { isIP } from 'node:net';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { keepRecent } from '../../shared/runtime/keep-recent.ts';

/** Who is asked for the addresses of a name. */
export interface NameSources {
  /** The name servers of an uplink, over it. Rejects with an error of ours. */
  ofUplink(uplinkName: string, name: string, signal: CancelSignal): Promise<readonly string[]>;
  /** What to dial over an uplink for these addresses; translations, where it has no IPv4. */
  dialled(uplinkName: string, addresses: readonly string[], signal: CancelSignal): Promise<readonly string[]>;
  /** Where the concentrator was found under a name, the most recent one first. */
  remembered(name: string): readonly string[];
  /** It was found there again. */
  onReached(name: string, address: string): void;
  /** The system, over whatever it likes: it knows names that no name server knows. */
  ofSystem(name: string): Promise<readonly string[]>;
}

export interface FoundAddresses {
  readonly addresses: readonly string[];
  /** What the uplink's own name servers will say, where the addresses are from elsewhere; none where they fail. */
  readonly later?: Promise<readonly string[]>;
}

/** Name servers have so long before what is remembered is tried beside them; most answer sooner. */
const REMEMBERED_AFTER_MS = 250;
/** The same for asking the system, which takes a process. */
const SYSTEM_AFTER_MS = 500;
/** Uplinks, and names of each, of which something is kept. */
const MAX_KEPT = 256;
/** Of one family: more are the same machine all the same. */
const MAX_ADDRESSES = 4;

/**
 * The addresses of the concentrator's names. Every uplink asks its own name servers; the first answer that any of them gets
 * serves all until their own comes, and what was good in former times is tried beside them: the name server may be behind the
 * very uplink that has died, and the others must not wait for it. As many as there are names in the configuration.
 */
export class TargetNames {
  readonly #sources: NameSources;
  /** By uplink (none: the system) and name. */
  readonly #answers = new Map<string, { readonly name: string; readonly addresses: readonly string[] }>();
  /** By name: those who wait for the first answer of anybody. */
  readonly #waiting = new Map<string, Set<(addresses: readonly string[]) => void>>();
  /** Questions to the system that are under way, which all who ask meanwhile share. */
  readonly #system = new Map<string, Promise<readonly string[]>>();
  /** Of uplink and name: nothing was to be reached at the addresses that its name servers tell. */
  readonly #doubted = new Map<string, true>();

  constructor(sources: NameSources) {
    this.#sources = sources;
  }

  /**
   * The addresses of a name for an uplink, of the families asked for, in that order; behind them what others know where nothing
   * was to be reached last time. Rejects when nobody has any: as the uplink's
   * name servers do, or with the signal's reason.
   */
  async find(
    uplinkName: string,
    name: string,
    families: readonly (4 | 6)[],
    signal: CancelSignal,
  ): Promise<FoundAddresses> {
    const usable = (all: readonly string[]) => ofFamilies(all, families);
    let hasAnswered = false;
    const own = this.#sources.ofUplink(uplinkName, name, signal).then((all) => {
      hasAnswered = true;
      this.#learn(uplinkName, name, all);
      return usable(all);
    });
    const first = this.#first(name, own, usable, signal);
    const known = usable(this.#sources.remembered(name));
    const found = known.length === 0 ? await first : await within(REMEMBERED_AFTER_MS, first, known);
    signal.throwIfAborted();
    const isDoubted = this.#doubted.has(keyOf(uplinkName, name));
    const addresses = isDoubted ? [...new Set([...found, ...usable(this.known(name))])] : found;
    if (hasAnswered) return { addresses };
    return { addresses, later: own.catch(() => first).catch(() => []) };
  }

  /** As `NameSources.dialled`. */
  dialled(
    uplinkName: string,
    addresses: readonly string[],
    signal: CancelSignal,
  ): Promise<readonly string[]> {
    return this.#sources.dialled(uplinkName, addresses, signal);
  }

  /** The concentrator has proven itself at an address of a name. */
  onReached(uplinkName: string, name: string, address: string): void {
    this.#doubted.delete(keyOf(uplinkName, name));
    this.#sources.onReached(name, address);
  }

  /** Asks the system, so that the name is known without any uplink. Rejects as the system does. */
  seek(name: string): Promise<readonly string[]> {
    return this.#askSystem(name);
  }

  /** Nothing was to be reached: its name servers may not tell the truth, so from now on others' addresses are tried, too. */
  onFailed(uplinkName: string, name: string): void {
    keepRecent(this.#doubted, keyOf(uplinkName, name), true, MAX_KEPT);
  }

  /** What the name was last known to stand for, by whoever was asked. */
  known(name: string): readonly string[] {
    const answers = [...this.#answers.values()].filter((answer) => answer.name === name);
    const all = answers.flatMap(({ addresses }) => addresses);
    return [...new Set([...all, ...this.#sources.remembered(name)])];
  }

  /** The first answer with usable addresses, whoever has it. Rejects as `own` does, when the system has none either. */
  #first(
    name: string,
    own: Promise<readonly string[]>,
    usable: (addresses: readonly string[]) => readonly string[],
    signal: CancelSignal,
  ): Promise<readonly string[]> {
    const first = new Promise<readonly string[]>((resolve, reject) => {
      const waiting = this.#waiting.get(name) ?? new Set();
      this.#waiting.set(name, waiting);
      let isSettled = false;
      const settle = (how: () => void) => {
        isSettled = true;
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        waiting.delete(take);
        how();
      };
      const take = (all: readonly string[]) => {
        const addresses = usable(all);
        if (addresses.length > 0) settle(() => resolve(addresses));
      };
      const onAbort = () => settle(() => reject(signal.reason));
      const askSystem = () => {
        clearTimeout(timer);
        if (isSettled) return;
        // What of it is of use has been taken by then.
        const fail = (error: unknown) => settle(() => reject(error));
        const onNone = () => void own.then(() => fail(noneUsable(name)), fail);
        this.#askSystem(name).then(onNone, onNone);
      };
      const timer = setTimeout(askSystem, SYSTEM_AFTER_MS);
      waiting.add(take);
      signal.addEventListener('abort', onAbort);
      own.catch(askSystem);
      if (signal.aborted) onAbort();
    });
    first.catch(() => {});
    return first;
  }

  /** What it says is learned before this resolves. */
  #askSystem(name: string): Promise<readonly string[]> {
    let pending = this.#system.get(name);
    if (pending === undefined) {
      pending = this.#sources
        .ofSystem(name)
        .then((addresses) => {
          this.#learn('', name, addresses);
          return addresses;
        })
        .finally(() => this.#system.delete(name));
      this.#system.set(name, pending);
    }
    return pending;
  }

  #learn(uplinkName: string, name: string, addresses: readonly string[]): void {
    keepRecent(this.#answers, keyOf(uplinkName, name), { name, addresses }, MAX_KEPT);
    for (const take of [...(this.#waiting.get(name) ?? [])]) take(addresses);
  }
}

function ofFamilies(addresses: readonly string[], families: readonly (4 | 6)[]): readonly string[] {
  return families.flatMap((family) =>
    addresses.filter((address) => isIP(address) === family).slice(0, MAX_ADDRESSES),
  );
}

function keyOf(uplinkName: string, name: string): string {
  return `${uplinkName} ${name}`;
}

function noneUsable(name: string): Error {
  return Object.assign(new Error(`${name} has no address of a family that can be used`), { code: 'ENODATA' });
}

/** What `first` resolves to; or `others`, where that takes too long, or fails. */
async function within(
  limitMs: number,
  first: Promise<readonly string[]>,
  others: readonly string[],
): Promise<readonly string[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly string[]>((resolve) => {
    timer = setTimeout(resolve, limitMs, others);
  });
  return Promise.race([first.catch(() => others), late]).finally(() => clearTimeout(timer));
}
