import type { Destination } from '../../shared/protocol/destination.ts';
import type { Backoff } from '../../shared/runtime/async/backoff.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import type { PacketSizes } from '../packet-size/packet-sizes.ts';
import { deviceBindingOf } from '../uplink/uplink.ts';
import type { ManagedSubflows } from './managed-subflows.ts';
import { PathDialer } from './path-dialer.ts';
import type { PathHost } from './path-host.ts';
import type { PathPasts } from './path-pasts.ts';
import { type PathMode, type PathTarget, pathNumber, pathsOf } from './paths.ts';
import type { AddressChoice, Reached } from './reach.ts';
import type { SubflowsPerPath } from './subflow-bound.ts';
import type { UplinkReason } from './uplink-cause.ts';
import { type DemandKind, type DemandView, UplinkDemand } from './uplink-demand.ts';
import { UplinkPaths } from './uplink-paths.ts';
import type { DialledUplink } from './uplink-role.ts';
import { NORMAL_USE, type UplinkUseWithReason } from './uplink-use.ts';

/** How the uplinks of a session are dialled. */
export interface UplinkDialling {
  readonly mode: PathMode;
  readonly subflows: ManagedSubflows;
  readonly logger: LineLog;
  readonly clock: MonotonicClock;
  readonly packetSizes: PacketSizes;
  /** Connects over an uplink to one of the targets and proves the other end. */
  reach(
    uplink: DialledUplink,
    targets: readonly PathTarget[],
    choice: AddressChoice,
    signal: CancelSignal,
  ): Promise<Reached>;
  newBackoff(): Backoff;
  readonly pasts: PathPasts;
  /** As `PathHost.isBusy`. */
  isBusy(): boolean;
  /** Whether the session has an uplink of this name now. */
  hasUplink(uplinkName: string): boolean;
  onDial(uplinkName: string, result: 'ok' | 'failed'): void;
  /** A subflow more or less, or a dial that failed. */
  onChange(): void;
}

/** Keeps one uplink in use: with subflows on each of its paths, as its role, its use and the demand for it say. */
export class UplinkDialer {
  readonly paths: UplinkPaths;
  readonly #dialling: UplinkDialling;
  #uplink: DialledUplink;
  #use = NORMAL_USE;
  readonly #demand = new UplinkDemand();
  #isWanted = false;
  #wish = 1;
  /** For a moment, to find other paths. */
  #extra = 0;
  /** Most subflows. */
  #bound = 1;
  /** The network has said that nothing gets through. */
  #isInterrupted = false;
  #removing: NodeJS.Timeout | undefined;

  constructor(uplink: DialledUplink, dialling: UplinkDialling) {
    this.#dialling = dialling;
    this.#uplink = uplink;
    const host = this.#pathHost();
    this.paths = new UplinkPaths(
      (key) => new PathDialer(host, dialling.newBackoff(), dialling.pasts.of(uplink, key)),
    );
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

  get #isStopped(): boolean {
    return this.#use.use === 'stopped';
  }

  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Why it has no subflow. */
  get reason(): UplinkReason {
    return this.paths.reason ?? { cause: 'no-address', reason: this.#whyNoPath() };
  }

  /** The longest packets that its subflows send, where longer ones vanish; undefined where none do. */
  get packetBytes(): number | undefined {
    const { packetSizes } = this.#dialling;
    const limits = this.paths.addresses.flatMap(
      (address) => packetSizes.limitOf(this.#uplink.name, address) ?? [],
    );
    return limits.length === 0 ? undefined : Math.min(...limits);
  }

  /** What the demand for it is judged by; undefined while it is stopped. @param utilization of late, 0 to 1 */
  demandView(utilization: number): DemandView | undefined {
    if (this.#isStopped) {
      this.#demand.reset();
      return undefined;
    }
    const isInterrupted = this.#staysInterrupted();
    return {
      name: this.#uplink.name,
      kind: this.demandKind,
      isBackup: this.isBackup,
      threshold: this.#uplink.joinAboveUtilization ?? 0,
      isUp: this.paths.isUp && !isInterrupted,
      hasFailed: this.paths.hasFailed || isInterrupted,
      utilization,
      demand: this.#demand,
    };
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
    this.paths.setTargets(pathsOf(this.#dialling.mode, this.#uplink.binding, addresses, bound));
    this.#distribute();
  }

  /** A wish of either end for so many subflows on the uplink; of no effect where the number is configured. */
  setWish(count: number): void {
    this.#wish = count;
    this.#distribute();
  }

  /** The surplus subflows go, and so many more than configured are dialled. */
  search(extra: number, surplus: readonly number[]): void {
    this.#extra = extra;
    for (const subflowId of surplus) this.paths.retire(subflowId);
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
    const wasStopped = this.#isStopped;
    this.#use = use;
    if (!this.#isStopped) this.#tellBackup();
    if (wasStopped && !this.#isStopped) {
      clearTimeout(this.#removing);
      this.paths.retryNow();
    }
    if (!wasStopped && this.#isStopped) this.#removing = setTimeout(() => this.#clear(), CLEAR_MS);
    this.#distribute();
  }

  /** The network says that nothing gets through; its subflows may go on when something does. */
  interrupt(): void {
    this.#isInterrupted = true;
  }

  /** What it stood on is gone, only these addresses where they are named: a dial from there would wait for its time limit. */
  redial(addresses: ReadonlySet<string> | undefined): void {
    const binding = deviceBindingOf(this.#uplink.binding);
    const isConcerned =
      binding?.kind === 'interface' ||
      (binding?.kind === 'address' && addresses?.has(binding.address) !== false);
    if (isConcerned) this.paths.redial(addresses);
  }

  stop(): void {
    clearTimeout(this.#removing);
    this.paths.stop();
  }

  /** What the paths of this uplink ask of their session. */
  #pathHost(): PathHost {
    const { logger, clock, subflows, packetSizes, reach, isBusy, onDial, onChange } = this.#dialling;
    const uplinkName = this.#uplink.name;
    return {
      uplinkName,
      logger,
      clock,
      isMetered: () => this.#uplink.rateLimit?.isMetered ?? false,
      isBusy,
      reach: (targets, choice, signal) => reach(this.#uplink, targets, choice, signal),
      isTrialDue: (address, subflowId) =>
        packetSizes.isTrialDue(uplinkName, address, subflows.localHostOf(subflowId)),
      onTrial: (address, subflowId) =>
        packetSizes.onTrial(uplinkName, address, subflows.localHostOf(subflowId)),
      admit: (transport, address, replaced) => this.#admit(transport, address, replaced),
      retire: (subflowId) => this.#retire(subflowId),
      remove: (subflowId) => subflows.remove(subflowId),
      onDial: (result) => onDial(uplinkName, result),
      onChange: () => {
        this.paths.prune();
        onChange();
      },
    };
  }

  async #admit(
    transport: SubflowTransport,
    address: Destination,
    replaced: number | undefined,
  ): Promise<number> {
    const { mode, subflows } = this.#dialling;
    const { isBackup } = this;
    const uplink = { ...this.#uplink, backup: isBackup };
    const candidate = { uplink, transport, address, path: pathNumber(mode, address) };
    const subflowId = await subflows.admit(candidate, replaced);
    // It may have come to another use meanwhile.
    if (this.isBackup !== isBackup) subflows.setBackup(subflowId, this.isBackup);
    return subflowId;
  }

  #retire(subflowId: number): void {
    const { subflows, hasUplink } = this.#dialling;
    // Of an uplink that was taken out nothing stays, be it the last.
    if (hasUplink(this.#uplink.name)) subflows.retire(subflowId);
    else subflows.remove(subflowId);
  }

  /** Closes all subflows of the uplink, those too that were retired. */
  #clear(): void {
    const { subflows } = this.#dialling;
    for (const { id } of subflows.of(this.#uplink.name)) subflows.remove(id);
  }

  /** Whether nothing has got through since the network said so. */
  #staysInterrupted(): boolean {
    const own = this.#isInterrupted ? this.#dialling.subflows.of(this.#uplink.name) : [];
    if (own.some(({ state }) => state === 'active')) this.#isInterrupted = false;
    return this.#isInterrupted;
  }

  #tellBackup(): void {
    for (const subflowId of this.paths.subflowIds)
      this.#dialling.subflows.setBackup(subflowId, this.isBackup);
  }

  /** Shares the subflows out among the paths. */
  #distribute(): void {
    const isUsed = this.#isWanted && !this.#isStopped;
    const paths = Math.max(1, this.paths.targetedCount);
    const most = Math.max(1, Math.floor(this.#bound / paths));
    const wished = perPath(this.#uplink.subflowsPerPath, this.#wish, paths);
    this.paths.setWanted(isUsed ? Math.min(wished, most) + this.#extra : 0);
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
