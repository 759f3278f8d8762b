import type { Destination } from '../../shared/protocol/destination.ts';
import type { PathDialer } from './path-dialer.ts';
import type { Paths } from './paths.ts';
import type { UplinkReason } from './uplink-cause.ts';

/** The paths of one uplink, each with its dialler. */
export class UplinkPaths {
  readonly #newPath: (key: string) => PathDialer;
  readonly #byKey = new Map<string, PathDialer>();
  #targetedCount = 0;

  constructor(newPath: (key: string) => PathDialer) {
    this.#newPath = newPath;
  }

  /** How many have targets. */
  get targetedCount(): number {
    return this.#targetedCount;
  }

  get isUp(): boolean {
    return this.#all.some((path) => path.isUp);
  }

  /** Whether every path was tried in vain, or lost. */
  get hasFailed(): boolean {
    return !this.isUp && this.#all.every((path) => path.hasFailed);
  }

  get subflowIds(): readonly number[] {
    return this.#all.flatMap((path) => path.subflowIds);
  }

  /** Of the concentrator, that its subflows lead to. */
  get addresses(): readonly Destination[] {
    return this.#all.flatMap((path) => path.addresses);
  }

  /** Why there is no subflow; undefined without paths. */
  get reason(): UplinkReason | undefined {
    const [first, ...others] = this.#all.map((path) => path.reason);
    if (this.#targetedCount === 0 || first === undefined) return undefined;
    const texts = new Set([first, ...others].map(({ reason }) => reason));
    return { cause: first.cause, reason: [...texts].join('; ') };
  }

  /** Where each path leads from now on; one that leads nowhere any more ends with its subflows. */
  setTargets(paths: Paths): void {
    this.#targetedCount = paths.size;
    for (const key of paths.keys()) if (!this.#byKey.has(key)) this.#byKey.set(key, this.#newPath(key));
    for (const [key, path] of this.#byKey) path.setTargets(paths.get(key) ?? []);
    this.prune();
  }

  /** So many subflows on each of them from now on. */
  setWanted(count: number): void {
    for (const path of this.#all) path.setWanted(count);
  }

  /** The concentrator is no longer to be found there. */
  leaveAddress(address: Destination): void {
    for (const path of this.#all) path.leaveAddress(address);
  }

  /** What failed may work now. */
  retryNow(): void {
    for (const path of this.#all) path.retryNow();
  }

  /** As `PathDialer.tryFullSize`. */
  tryFullSize(): void {
    for (const path of this.#all) path.tryFullSize();
  }

  /** As `PathDialer.renew`. */
  renew(): void {
    for (const path of this.#all) path.renew();
  }

  /** As `PathDialer.hurry`. */
  hurry(): void {
    for (const path of this.#all) path.hurry();
  }

  onBusy(): void {
    for (const path of this.#all) path.onBusy();
  }

  /** As `PathDialer.redial`. */
  redial(addresses: ReadonlySet<string> | undefined): void {
    for (const path of this.#all) path.redial(addresses);
  }

  /** No dials and no timers any more. */
  stop(): void {
    for (const path of this.#all) path.stop();
  }

  onSubflowClosed(subflowId: number): void {
    this.#pathOf(subflowId)?.onSubflowClosed(subflowId);
    this.prune();
  }

  /** Takes a subflow out of use, in good order. */
  retire(subflowId: number): void {
    this.#pathOf(subflowId)?.retire(subflowId);
  }

  /** As `PathDialer.onSubflowDoubted`. */
  onSubflowDoubted(subflowId: number, isFailed: boolean): void {
    this.#pathOf(subflowId)?.onSubflowDoubted(subflowId, isFailed);
  }

  /** Receipts came again on a subflow that was doubted. */
  onSubflowRecovered(subflowId: number): void {
    this.#pathOf(subflowId)?.onSubflowRecovered(subflowId);
  }

  /** Forgets paths that are over, as when their address was withdrawn while it was dialled. */
  prune(): void {
    for (const [key, path] of this.#byKey) if (path.isOver) this.#byKey.delete(key);
  }

  get #all(): readonly PathDialer[] {
    return [...this.#byKey.values()];
  }

  /** Undefined for a subflow that is no longer counted, as one that retires. */
  #pathOf(subflowId: number): PathDialer | undefined {
    return this.#all.find((path) => path.has(subflowId));
  }
}
