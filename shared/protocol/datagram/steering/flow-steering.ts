import type { Now } from '../../now.ts';
import { least } from '../../scheduler/delivery-time.ts';
import { PolicyLimits } from '../../scheduler/policy-limits.ts';
import type { SessionSteering, SharedPolicy } from '../../steering/session-steering.ts';
import type { SteeringPolicy, StreamPolicy } from '../../steering/steering-policy.ts';
import type { SteeringTuning } from '../../steering/steering-tuning.ts';
import type { Uplink } from '../../uplink/uplink.ts';
import type { DatagramPath } from '../path/datagram-path.ts';
import type { TrackedDatagram } from '../path/tracked-datagram.ts';
import type { Carrier, Choice } from './carrier.ts';
import { CopyBudget } from './copy-budget.ts';
import { FLOW_MODES } from './flow-modes.ts';
import type { FlowTuning } from './flow-tuning.ts';
import type { FlowModeContext } from './modes/flow-mode.ts';
import { type FlowView, framesView, PathView } from './modes/flow-view.ts';
import { type FlowRule, SteeredFlow } from './steered-flow.ts';

/** How datagrams go where nothing is said of their flow. */
export const DEFAULT_FLOW_POLICY: SteeringPolicy = { mode: 'lowest-latency' };

/** What the steering sees of its session. */
export interface FlowSteeringHost {
  readonly paths: Iterable<DatagramPath>;
  /** All uplinks; those with an active subflow stand in where UDP does not pass. */
  readonly uplinks: Iterable<Uplink>;
}

export interface FlowSteeringOptions {
  readonly now: Now;
  readonly host: FlowSteeringHost;
  /** The policies of the session, of its streams and of its flows. */
  readonly policies: Pick<SessionSteering, 'share' | 'release'>;
  readonly tuning: FlowTuning & Pick<SteeringTuning, 'limits' | 'standing'>;
  /** Where a policy leaves the choice open, the uplink on which the peer sent last is taken: the concentrator. */
  readonly followsPeer: boolean;
}

/** Which carriers each datagram of a session takes. */
export class FlowSteering {
  readonly #options: FlowSteeringOptions;
  readonly #tuning: FlowTuning;
  readonly #copies: CopyBudget;
  readonly #views = new WeakMap<DatagramPath, PathView>();
  readonly #limits: PolicyLimits;

  constructor(options: FlowSteeringOptions) {
    this.#options = options;
    this.#limits = new PolicyLimits(options.now, options.tuning);
    this.#tuning = options.tuning;
    this.#copies = new CopyBudget(options.now, this.#tuning.flowCopies);
  }

  /** A new flow. @throws StreamError `resourceExceeded` for a policy that is one too many */
  begin(policy: StreamPolicy = DEFAULT_FLOW_POLICY): SteeredFlow {
    const policies = this.#options.policies.share(policy);
    const flow: SteeredFlow = new SteeredFlow(
      this.#ruleOf(policies, () => flow),
      this.#options.now,
    );
    return flow;
  }

  /** Otherwise from now on. @throws StreamError as `begin`; nothing has changed then */
  steer(flow: SteeredFlow, policy: StreamPolicy): void {
    const before = flow.rule.policies;
    const policies = this.#options.policies.share(policy, before);
    for (const shared of before) this.#options.policies.release(shared);
    flow.rule = this.#ruleOf(policies, () => flow);
  }

  end({ rule }: SteeredFlow): void {
    for (const shared of rule.policies) this.#options.policies.release(shared);
  }

  /** A datagram of the peer's has come on this uplink. */
  onReceived(flow: SteeredFlow, uplink: Uplink): void {
    flow.peersUplink = uplink;
  }

  /** Where the flow's next datagram goes. @param bytes of its payload */
  choose(flow: SteeredFlow, bytes: number): Choice {
    const candidates = this.#candidates(flow);
    const { views } = candidates;
    if (views.length === 0) return NO_UPLINK;
    this.#askOthers(flow, views);
    const { pauseMs, rule } = flow;
    flow.onSent(bytes);
    const isSmall = this.#isSmall(flow);
    const { views: chosen, spread } = rule.mode.select({ bytes, isSmall, pauseMs }, views);
    const [first] = chosen;
    if (first === undefined) return QUEUE_FULL;
    this.#copies.onSent(bytes + HEADERS_BYTES);
    if (!isSmall) return { carriers: chosen.map(carrierOf), spread, isTracked: false };
    if (first.kind === 'path') standBy(views, first);
    const copies = chosen.length === 1 ? this.#copiesOf(flow, first, bytes, candidates) : [];
    const carriers = [...chosen, ...copies];
    if (flow.isCall) for (const { uplink } of carriers) uplink.onCall();
    return { carriers: carriers.map(carrierOf), spread, isTracked: true };
  }

  /** Where a datagram goes once more that `path.takeLate` gave; undefined: nowhere. */
  chooseAgain(flow: SteeredFlow, datagram: TrackedDatagram, late: DatagramPath): Carrier | undefined {
    const bytes = datagram.payload.length;
    const { views, spare } = this.#candidates(flow);
    const all = [...views, ...spare];
    const others = all.filter(({ uplink }) => uplink !== late.uplink);
    const found =
      bestCopy(others, late.uplink, bytes) ??
      all.find(({ uplink, isLate }) => uplink === late.uplink && !isLate);
    return found !== undefined && this.#copies.take(bytes + HEADERS_BYTES, 0) ? carrierOf(found) : undefined;
  }

  #isSmall({ bytesPerSecond }: SteeredFlow): boolean {
    return bytesPerSecond < this.#tuning.flowCopies.smallBytesPerSecond;
  }

  /** Where else a small flow's datagram goes: over another path, and over a subflow where none is heard. */
  #copiesOf(
    flow: SteeredFlow,
    first: FlowView,
    bytes: number,
    { views, spare }: Candidates,
  ): readonly FlowView[] {
    const { doubles } = FLOW_MODES[flow.rule.policies[0].policy.mode];
    const isDoubted = first.isLate || spare.length > 0;
    if (!isDoubted && !(doubles && first.isUnsteady)) return [];
    const flowRate = isDoubted ? 0 : flow.bytesPerSecond;
    const others = views.filter((view) => view !== first);
    const copy = bestCopy(others, first.uplink, bytes, isDoubted);
    const isPaid = copy !== undefined && this.#copies.take(bytes + HEADERS_BYTES, flowRate);
    const standIn = bestCopy(spare, first.uplink, bytes);
    return [...(isPaid ? [copy] : []), ...(standIn === undefined ? [] : [standIn])];
  }

  /** On the uplinks that the policy allows; on backups only while no other one of them works, as with streams. */
  #candidates(flow: SteeredFlow): Candidates {
    const [{ allowed, policy }] = flow.rule.policies;
    const demand = { isSmall: this.#isSmall(flow), isMixed: FLOW_MODES[policy.mode].mixesFrames };
    const regular = this.#candidatesOn((uplink) => allowed.of(uplink) && !uplink.isReserve, demand);
    return regular.work ? regular : this.#candidatesOn((uplink) => allowed.of(uplink), demand);
  }

  /**
   * On some uplinks: their paths. Subflows stand in where UDP does not pass, and for all paths once nothing is heard on any: TCP may still
   * pass.
   */
  #candidatesOn(isMeant: (uplink: Uplink) => boolean, { isSmall, isMixed }: Demand): Candidates {
    const working: FlowView[] = [];
    const silent: FlowView[] = [];
    const open = new Set<Uplink>();
    for (const path of this.#options.host.paths) {
      if (!isMeant(path.uplink) || path.isBlocked) continue;
      open.add(path.uplink);
      (path.isUsable ? working : silent).push(this.#viewOf(path));
    }
    if (working.length > 0 && !isMixed) return { views: working, spare: [], work: true };
    const frames = this.#framesOf(isMeant);
    const closed = frames.filter(({ uplink }) => !open.has(uplink));
    if (working.length > 0) return { views: [...working, ...closed], spare: [], work: true };
    const standIns = closed.length > 0 ? closed : frames;
    if (standIns.length === 0) return { views: silent, spare: [], work: false };
    // Nobody knows yet whether UDP passes no longer or nothing does: a small flow tries both, a large one what is likelier to work.
    return isSmall && silent.length > 0
      ? { views: silent, spare: standIns, work: closed.length > 0 }
      : { views: standIns, spare: silent, work: true };
  }

  #framesOf(isMeant: (uplink: Uplink) => boolean): readonly FlowView[] {
    const found: FlowView[] = [];
    for (const uplink of this.#options.host.uplinks) {
      const frames = isMeant(uplink) ? framesView(uplink) : undefined;
      if (frames !== undefined) found.push(frames);
    }
    return found;
  }

  /** One path may have failed: whether the others work, those of backups too, should be known before it is certain. */
  #askOthers(flow: SteeredFlow, views: readonly FlowView[]): void {
    let lateMs = Number.NEGATIVE_INFINITY;
    for (const view of views) {
      if (view instanceof PathView && view.isLate) lateMs = Math.max(lateMs, view.path.liveness.lateAtMs);
    }
    if (lateMs === Number.NEGATIVE_INFINITY) return;
    const [{ allowed }] = flow.rule.policies;
    for (const { uplink, isUsable, liveness, probes } of this.#options.host.paths) {
      if (allowed.of(uplink) && isUsable && !liveness.isLate) probes.ask(lateMs);
    }
  }

  #viewOf(path: DatagramPath): PathView {
    let view = this.#views.get(path);
    if (view === undefined) {
      view = new PathView(path, this.#options.now, this.#tuning.flowQueue, this.#tuning.flowUnsteady);
      this.#views.set(path, view);
    }
    return view;
  }

  #ruleOf(policies: readonly [SharedPolicy, ...SharedPolicy[]], flow: () => SteeredFlow): FlowRule {
    const { policy } = policies[0];
    const { now, followsPeer } = this.#options;
    const context: FlowModeContext = {
      now,
      policy,
      tuning: this.#tuning,
      limits: (how) => this.#limits.of(policy, how),
      peersUplink: () => (followsPeer ? flow().peersUplink : undefined),
    };
    return { policies, mode: FLOW_MODES[policy.mode].make(context) };
  }
}

/** Where a datagram may go. */
interface Candidates {
  readonly views: readonly FlowView[];
  /** What a small flow's datagrams take besides, for as long as nothing is heard on any path. */
  readonly spare: readonly FlowView[];
  /** Some of the uplinks work for the flow, as far as one can tell. */
  readonly work: boolean;
}

interface Demand {
  readonly isSmall: boolean;
  /** See `FlowModeRow.mixesFrames`. */
  readonly isMixed: boolean;
}

const NO_UPLINK: Choice = { carriers: [], dropped: 'no-uplink', spread: false, isTracked: false };
const QUEUE_FULL: Choice = { carriers: [], dropped: 'queue-full', spread: false, isTracked: false };

function carrierOf(view: FlowView): Carrier {
  return view instanceof PathView
    ? { kind: 'path', path: view.path }
    : { kind: 'frames', uplink: view.uplink };
}

/** The other paths of a small flow are asked now and then, so that one that works is known when it is needed. */
function standBy(views: readonly FlowView[], first: FlowView): void {
  for (const view of views) if (view !== first && view instanceof PathView) view.path.probes.standBy();
}

/**
 * Of these the one that would best carry a copy: not where feedback is late as well, and none that costs by the byte unless the first
 * does, too, or has failed.
 */
function bestCopy(
  others: readonly FlowView[],
  first: Uplink,
  bytes: number,
  hasFailed = true,
): FlowView | undefined {
  const mayCost = hasFailed || first.isMetered;
  const able = others.filter((view) => view.hasRoom(bytes) && (mayCost || !view.uplink.isMetered));
  const heard = able.filter(({ isLate }) => !isLate);
  return least(heard.length > 0 ? heard : able, (view) => view.delayMs + (view.isUnsteady ? UNSTEADY_MS : 0));
}

/** Of IPv4, UDP, packet and DATAGRAM. */
const HEADERS_BYTES = 28 + 32 + 8;
/** A path that stood still of late is the worse place for a copy. */
const UNSTEADY_MS = 20;
