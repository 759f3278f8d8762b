import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';

/** A subflow of a path. */
export interface PathSubflow {
  /** Of the concentrator. */
  readonly address: Destination;
  readonly upSinceMs: number;
  /** Doubted: it does not count, and is not yet gone. */
  readonly isSilent: boolean;
  /** Doubted for long. */
  readonly isFailed: boolean;
}

/** The subflows of one path, by id; silent ones in the order in which they became so. */
export class PathSubflows {
  readonly #byId = new Map<number, PathSubflow>();

  get ids(): readonly number[] {
    return [...this.#byId.keys()];
  }

  /** Those that are not silent, with their addresses. */
  get healthy(): readonly (readonly [number, PathSubflow])[] {
    return [...this.#byId].filter(([, { isSilent }]) => !isSilent);
  }

  get size(): number {
    return this.#byId.size;
  }

  has(subflowId: number): boolean {
    return this.#byId.has(subflowId);
  }

  /** How many there are that are not silent. */
  get healthyCount(): number {
    return this.healthy.length;
  }

  /** The one that has been silent for the longest, of those that have failed. */
  get firstFailed(): number | undefined {
    return [...this.#byId].find(([, { isFailed }]) => isFailed)?.[0];
  }

  /** Those to an address of the concentrator. */
  idsAt(address: Destination): readonly number[] {
    const where = formatDestination(address);
    return [...this.#byId].flatMap(([id, own]) => (formatDestination(own.address) === where ? [id] : []));
  }

  /** Those that are healthy beyond `count`, the youngest first. */
  idsBeyond(count: number): readonly number[] {
    const byAge = this.healthy.map(([id]) => id).sort((a, b) => a - b);
    return byAge.slice(count).reverse();
  }

  /** A subflow is up, or up again: then it keeps its time and address. @param replaced goes in its favour */
  add(subflowId: number, address: Destination, nowMs: number, replaced: number | undefined): void {
    const known = this.#byId.get(subflowId) ?? { address, upSinceMs: nowMs };
    if (replaced !== undefined) this.#byId.delete(replaced);
    this.#byId.set(subflowId, { ...known, isSilent: false, isFailed: false });
  }

  /** @returns what it was, if it was one of these */
  remove(subflowId: number): PathSubflow | undefined {
    const removed = this.#byId.get(subflowId);
    this.#byId.delete(subflowId);
    return removed;
  }

  /** @returns what it was, where that is news */
  silence(subflowId: number, isFailed: boolean): PathSubflow | undefined {
    const own = this.#byId.get(subflowId);
    if (own === undefined || (own.isSilent && (own.isFailed || !isFailed))) return undefined;
    if (!own.isSilent) this.#byId.delete(subflowId);
    this.#byId.set(subflowId, { ...own, isSilent: true, isFailed });
    return own;
  }

  /** @returns whether it was silent */
  recover(subflowId: number): boolean {
    const own = this.#byId.get(subflowId);
    if (own === undefined || !own.isSilent) return false;
    this.#byId.set(subflowId, { ...own, isSilent: false, isFailed: false });
    return true;
  }
}
