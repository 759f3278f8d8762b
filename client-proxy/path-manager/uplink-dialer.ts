import type { Destination } from '../../shared/protocol/destination.ts';
import type { PathDialer, PathHost } from './path-dialer.ts';
import { type PathMode, pathsOf } from './paths.ts';
import type { SubflowsPerPath } from './subflow-bound.ts';
import type { UplinkReason } from './uplink-cause.ts';
import type { DemandKind } from './uplink-demand.ts';
import type { DialledUplink } from './uplink-role.ts';
import { NORMAL_USE, type UplinkUseWithReason } from './uplink-use.ts';

export interface UplinkDialerOptions {
  readonly uplink: DialledUplink;
  readonly mode: PathMode;
  readonly host: PathHost;
  /** Makes a subflow a backup, or an ordinary one again. */
  setBackup(subflowId: number, isBackup: boolean): void;
  /** Closes all subflows of the uplink, those too that were retired. */
  clear(): void;
  newPath(host: PathHost): PathDialer;
}

/** Keeps one uplink in use: with subflows on each of its paths, as its role, its use and the demand for it say. */
export class UplinkDialer {
  readonly #options: UplinkDialerOptions;
  readonly #paths = new Map<string, PathDialer>();
  #uplink: DialledUplink;
  #use = NORMAL_USE;
  #isWanted = false;
  #wish = 1;
  /** Most subflows. */
  #bound = 1;
  /** Paths that have targets. */
  #targetedPaths = 0;
  #removing: NodeJS.Timeout | undefined;
  readonly #pathHost: PathHost;

  constructor(options: UplinkDialerOptions) {
    this.#options = options;
    this.#pathHost = {
      ...options.host,
      onChange: () => {
        this.#prune();
        options.host.onChange();
      },
    };
    this.#uplink = options.uplink;
  }

  get uplink(): DialledUplink {
    return this.#uplink;
  }

  get use(): UplinkUseWithReason {
    return this.#use;
  }

  /** Whether its subflows are to be backups: as configured, or as it has come to be used. */
  get isBackup(): boolean {
    return this.#uplink.backup || this.#use.use === 'backup';
  }

  get demandKind(): DemandKind {
    const { standby, joinAboveUtilization } = this.#uplink;
    if (!this.isBackup) return joinAboveUtilization === undefined ? 'always' : 'overflow';
    // What is not dialled before there is load is not dialled for having reached its cap.
    return standby === 'break-before-make' || joinAboveUtilization !== undefined ? 'last-resort' : 'always';
  }

  get isStopped(): boolean {
    return this.#use.use === 'stopped';
  }

  get isWanted(): boolean {
    return this.#isWanted;
  }

  get isUp(): boolean {
    return [...this.#paths.values()].some((path) => path.isUp);
  }

  /** Whether every path of it was tried in vain, or lost. */
  get hasFailed(): boolean {
    return !this.isUp && [...this.#paths.values()].every((path) => path.hasFailed);
  }

  get subflowIds(): readonly number[] {
    return [...this.#paths.values()].flatMap((path) => path.subflowIds);
  }

  /** Why it has no subflow. */
  get reason(): UplinkReason {
    const [first, ...others] = [...this.#paths.values()].map((path) => path.reason);
    if (this.#targetedPaths === 0 || first === undefined) {
      return { cause: 'no-address', reason: this.#whyNoPath() };
    }
    const texts = new Set([first, ...others].map(({ reason }) => reason));
    return { cause: first.cause, reason: [...texts].join('; ') };
  }

  /** Whether it is used at all now; what is up goes when it is not. */
  setWanted(isWanted: boolean): void {
    if (isWanted === this.#isWanted) return;
    this.#isWanted = isWanted;
    this.#distribute();
  }

  /** Where the concentrator is, and how many subflows there may be. */
  setAddresses(addresses: readonly Destination[], bound: number): void {
    this.#bound = bound;
    const { mode, newPath } = this.#options;
    const paths = pathsOf(mode, this.#uplink.binding, addresses, bound);
    this.#targetedPaths = paths.size;
    for (const key of paths.keys()) {
      if (!this.#paths.has(key)) this.#paths.set(key, newPath(this.#pathHost));
    }
    for (const [key, path] of this.#paths) path.setTargets(paths.get(key) ?? []);
    this.#prune();
    this.#distribute();
  }

  /** The concentrator is no longer to be found there. */
  leaveAddress(address: Destination): void {
    for (const path of this.#paths.values()) path.leaveAddress(address);
  }

  /** A wish of either end for so many subflows on the uplink; of no effect where the number is configured. */
  setWish(count: number): void {
    this.#wish = count;
    this.#distribute();
  }

  /** As configured, from now on. */
  setRole(uplink: DialledUplink): void {
    this.#uplink = uplink;
    this.#tellBackup();
    this.#distribute();
  }

  /** Stopped, it loses its subflows, those that are the last of the session too. */
  setUse(use: UplinkUseWithReason): void {
    const wasStopped = this.isStopped;
    this.#use = use;
    clearTimeout(this.#removing);
    if (!this.isStopped) {
      this.#tellBackup();
      if (wasStopped) this.retryNow();
    } else if (!wasStopped) {
      this.#removing = setTimeout(() => this.#options.clear(), CLEAR_MS);
    }
    this.#distribute();
  }

  /** Something about the network has changed: what failed may work now. */
  retryNow(): void {
    for (const path of this.#paths.values()) path.retryNow();
  }

  /** What it stood on is gone, only these addresses where they are named: a dial from there would wait for its time limit. */
  redial(addresses: ReadonlySet<string> | undefined): void {
    const { binding } = this.#uplink;
    const isConcerned =
      binding.kind === 'interface' ||
      (binding.kind === 'address' && addresses?.has(binding.address) !== false);
    if (isConcerned) for (const path of this.#paths.values()) path.redial(addresses);
  }

  stop(): void {
    clearTimeout(this.#removing);
    for (const path of this.#paths.values()) path.stop();
  }

  onSubflowClosed(subflowId: number): void {
    for (const path of this.#paths.values()) path.onSubflowClosed(subflowId);
    this.#prune();
  }

  onSubflowDoubted(subflowId: number): void {
    for (const path of this.#paths.values()) path.onSubflowDoubted(subflowId);
  }

  onSubflowRecovered(subflowId: number): void {
    for (const path of this.#paths.values()) path.onSubflowRecovered(subflowId);
  }

  /** Paths that are over, as when their address was withdrawn while it was dialled. */
  #prune(): void {
    for (const [key, path] of this.#paths) if (path.isOver) this.#paths.delete(key);
  }

  #tellBackup(): void {
    for (const subflowId of this.subflowIds) this.#options.setBackup(subflowId, this.isBackup);
  }

  /** Shares the subflows out among the paths. */
  #distribute(): void {
    const isUsed = this.#isWanted && !this.isStopped;
    const paths = Math.max(1, this.#targetedPaths);
    const most = Math.max(1, Math.floor(this.#bound / paths));
    const wished = perPath(this.#uplink.subflowsPerPath, this.#wish, paths);
    for (const path of this.#paths.values()) path.setWanted(isUsed ? Math.min(wished, most) : 0);
  }

  #whyNoPath(): string {
    const { binding } = this.#uplink;
    return binding.kind === 'address'
      ? `bound to ${binding.address}, which cannot reach the other address family of the concentrator's addresses`
      : 'the concentrator has announced no address for further subflows';
  }
}

/** What was under way on the subflows of an uplink that is stopped may arrive within this. */
const CLEAR_MS = 2_000;

function perPath(configured: SubflowsPerPath | undefined, wish: number, paths: number): number {
  if (configured !== undefined && configured !== 'auto') return configured;
  return Math.ceil(wish / paths);
}
