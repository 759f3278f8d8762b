import { StreamError } from '../errors.ts';
import type { PacketScheduler, SentStream } from '../scheduler/packet-scheduler.ts';
import type { LimitedView, UplinkLimits } from '../scheduler/uplink-limits.ts';
import { UplinkValues } from '../scheduler/uplink-values.ts';
import type { UplinkView } from '../subflow/subflow-view.ts';
import { DEFAULT_MODE, hasPreferences, type SteeringMode } from './modes.ts';
import { isModeAlone } from './policy-frame.ts';
import { Schedulers, type SchedulersOptions } from './schedulers.ts';
import { halvesOf, type SteeringPolicy, type StreamPolicy } from './steering-policy.ts';

/**
 * One distinct policy of a session. Streams with equal policies share the object: they have the same carriers, and those
 * that wait for one of them wait alike.
 */
export interface SharedPolicy {
  /** What tells it from the other policies of the session. */
  readonly key: string;
  readonly policy: SteeringPolicy;
  /** Whether it is a choice of uplinks, other than all streams have by default. */
  readonly isSteered: boolean;
  /** Whether its bulk goes over all uplinks as they are: it shows which of them does harm. */
  readonly spreadsOverAll: boolean;
  /** Whether an uplink may carry the stream. */
  readonly allowed: UplinkValues<boolean>;
}

/**
 * Different policies with parameters that the streams of a session have at a time; a further one is refused. Each costs a look at all
 * subflows in a turn. Those of a configuration are its rules, of which few differ in what they say of uplinks.
 */
export const MAX_POLICIES = 128;

/** A policy that leaves an uplink out, since that is beyond its limits, or was a moment ago. */
export interface LeavingPolicy {
  readonly mode: SteeringMode;
  readonly most: UplinkLimits['most'];
}

interface Entry {
  readonly shared: SharedPolicy;
  users: number;
}

/** The policies and packet schedulers of one session. Holds a policy as long as a stream has it. */
export class SessionSteering {
  readonly #schedulers: Schedulers;
  /** By key. */
  readonly #policies = new Map<string, Entry>();
  /** Those of them that are more than a mode. */
  #withParameters = 0;

  constructor(options: SchedulersOptions) {
    this.#schedulers = new Schedulers(options);
  }

  /** The steering of a new stream. */
  begin(policy: StreamPolicy, stream: SentStream): StreamSteering {
    return new StreamSteering(this, policy, stream);
  }

  /**
   * @param replaced what the stream has now
   * @throws StreamError `resourceExceeded` for a policy that is one too many
   */
  check(policy: StreamPolicy, replaced: readonly SharedPolicy[] = []): void {
    // This is asked for each stream, and most have none.
    if (!hasParameters(policy) && (policy.down === undefined || !hasParameters(policy.down))) return;
    const keys = new Set(halvesOf(policy).flatMap((half) => (hasParameters(half) ? [keyOf(half)] : [])));
    const added = [...keys].filter((key) => !this.#policies.has(key)).length;
    if (added === 0) return;
    const makesRoom = replaced.filter(
      (shared) => !isModeAlone(shared.policy) && this.#policies.get(shared.key)?.users === 1,
    ).length;
    if (this.#withParameters - makesRoom + added <= MAX_POLICIES) return;
    const reason = `a session follows at most ${MAX_POLICIES} different steering policies at a time`;
    throw new StreamError('resourceExceeded', reason);
  }

  /**
   * The shared forms of what this end goes by and, where it is another, of what the peer is to go by; the caller gives each back with
   * `release`.
   * @param replaced what the caller gives back then
   * @throws StreamError `resourceExceeded` for a policy that is one too many
   */
  share(
    policy: StreamPolicy,
    replaced: readonly SharedPolicy[] = [],
  ): readonly [SharedPolicy, ...SharedPolicy[]] {
    this.check(policy, replaced);
    const [own, ...asked] = halvesOf(policy);
    return [this.#enter(own), ...asked.map((half) => this.#enter(half))];
  }

  release({ key, policy }: SharedPolicy): void {
    const entry = this.#policies.get(key);
    if (entry === undefined || --entry.users > 0) return;
    this.#policies.delete(key);
    if (!isModeAlone(policy)) this.#withParameters--;
  }

  /** The scheduler for a stream; `previous` is the one that it had so far. */
  schedulerFor(policy: SteeringPolicy, stream: SentStream, previous?: PacketScheduler): PacketScheduler {
    return this.#schedulers.for(policy, stream, previous);
  }

  /** About once per shortest round trip: whether a closed window held a stream back since the last call. */
  onRound(wasBlocked: boolean): void {
    this.#schedulers.onRound(wasBlocked);
  }

  /**
   * The policies of this end's streams that leave an uplink out by their limits, for another one.
   * @param carriersOf what may carry a stream with a policy now
   */
  leaving(
    uplink: UplinkView,
    carriersOf: (shared: SharedPolicy) => readonly LimitedView[],
  ): readonly LeavingPolicy[] {
    return [...this.#policies.values()].flatMap(({ shared }) => {
      const { policy } = shared;
      const limits = this.#schedulers.limitsOf(policy);
      return limits?.leaves(uplink, carriersOf(shared)) ? [{ mode: policy.mode, most: limits.most }] : [];
    });
  }

  /** The uplinks of policies that allow no others, in either direction as far as this end decides it. */
  get boundTo(): readonly (readonly string[])[] {
    const bound: (readonly string[])[] = [];
    for (const { shared } of this.#policies.values()) {
      if (shared.policy.only !== undefined) bound.push(shared.policy.only);
    }
    return bound;
  }

  #enter(policy: SteeringPolicy): SharedPolicy {
    const key = keyOf(policy);
    let entry = this.#policies.get(key);
    if (entry === undefined) {
      const { only } = policy;
      const isSteered = isSteering(policy);
      const shared: SharedPolicy = {
        key,
        policy: isSteered ? policy : { mode: DEFAULT_MODE },
        isSteered,
        spreadsOverAll: spreadsOverAll(policy),
        allowed: new UplinkValues(new Map(only?.map((name) => [name, true])), only === undefined),
      };
      entry = { shared, users: 0 };
      this.#policies.set(key, entry);
      if (!isModeAlone(shared.policy)) this.#withParameters++;
    }
    entry.users++;
    return entry.shared;
  }
}

/** How one stream is steered. */
export class StreamSteering {
  readonly #session: SessionSteering;
  readonly #stream: SentStream;
  /** The newest STEERING that was sent or seen; 0 before the first. */
  generation = 0;
  /** What this end goes by; behind it what the peer was asked to, where it is another. */
  #policies: readonly [SharedPolicy, ...SharedPolicy[]];
  #scheduler: PacketScheduler;

  constructor(session: SessionSteering, policy: StreamPolicy, stream: SentStream) {
    this.#session = session;
    this.#stream = stream;
    this.#policies = session.share(policy);
    this.#scheduler = session.schedulerFor(this.shared.policy, stream);
  }

  /** What this end goes by: the same object for all streams with an equal policy. */
  get shared(): SharedPolicy {
    return this.#policies[0];
  }

  get isSteered(): boolean {
    return this.shared.isSteered;
  }

  get scheduler(): PacketScheduler {
    return this.#scheduler;
  }

  /** @throws StreamError `resourceExceeded` for a policy that is one too many; nothing has changed then */
  steer(policy: StreamPolicy): void {
    const before = this.#policies;
    this.#policies = this.#session.share(policy, before);
    for (const shared of before) this.#session.release(shared);
    this.#scheduler = this.#session.schedulerFor(this.shared.policy, this.#stream, this.#scheduler);
  }

  /** The stream is over. */
  end(): void {
    for (const shared of this.#policies) this.#session.release(shared);
  }
}

function hasParameters(policy: SteeringPolicy): boolean {
  return isSteering(policy) && !isModeAlone(policy);
}

/** Whether it is a choice of uplinks. Shares mean nothing in the default mode. */
function isSteering(policy: SteeringPolicy): boolean {
  return policy.mode !== DEFAULT_MODE || policy.only !== undefined || hasPreferences(policy);
}

function spreadsOverAll({ mode, only, maxRttMs, maxLoss }: SteeringPolicy): boolean {
  return mode === DEFAULT_MODE && only === undefined && maxRttMs === undefined && maxLoss === undefined;
}

function keyOf(policy: SteeringPolicy): string {
  return isSteering(policy) ? JSON.stringify(policy) : '';
}
