import { StreamError } from '../errors.ts';
import type { PacketScheduler, SentStream } from '../scheduler/packet-scheduler.ts';
import { UplinkValues } from '../scheduler/uplink-values.ts';
import { DEFAULT_MODE, hasPreferences } from './modes.ts';
import { isModeAlone } from './policy-frame.ts';
import { Schedulers, type SchedulersOptions } from './schedulers.ts';
import type { SteeringPolicy } from './steering-policy.ts';

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
  begin(policy: SteeringPolicy, stream: SentStream): StreamSteering {
    return new StreamSteering(this, policy, stream);
  }

  /**
   * @param replaced what the stream has now, if anything
   * @throws StreamError `resourceExceeded` for a policy that is one too many
   */
  check(policy: SteeringPolicy, replaced?: SharedPolicy): void {
    if (!isSteering(policy) || isModeAlone(policy) || this.#policies.has(keyOf(policy))) return;
    const makesRoom =
      replaced !== undefined &&
      !isModeAlone(replaced.policy) &&
      this.#policies.get(replaced.key)?.users === 1;
    if (this.#withParameters - Number(makesRoom) < MAX_POLICIES) return;
    const reason = `a session follows at most ${MAX_POLICIES} different steering policies at a time`;
    throw new StreamError('resourceExceeded', reason);
  }

  /**
   * The shared form of a policy; the caller gives it back with `release`.
   * @param replaced what the caller gives back then
   * @throws StreamError `resourceExceeded` for a policy that is one too many
   */
  share(policy: SteeringPolicy, replaced?: SharedPolicy): SharedPolicy {
    const isSteered = isSteering(policy);
    const key = keyOf(policy);
    let entry = this.#policies.get(key);
    if (entry === undefined) {
      this.check(policy, replaced);
      const { only } = policy;
      const allowed = new UplinkValues(new Map(only?.map((name) => [name, true])), only === undefined);
      const shared: SharedPolicy = {
        key,
        policy: isSteered ? policy : { mode: DEFAULT_MODE },
        isSteered,
        spreadsOverAll: spreadsOverAll(policy),
        allowed,
      };
      entry = { shared, users: 0 };
      this.#policies.set(key, entry);
      if (!isModeAlone(shared.policy)) this.#withParameters++;
    }
    entry.users++;
    return entry.shared;
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

  /** The uplinks of policies that allow no others. */
  get boundTo(): readonly (readonly string[])[] {
    const bound: (readonly string[])[] = [];
    for (const { shared } of this.#policies.values()) {
      if (shared.policy.only !== undefined) bound.push(shared.policy.only);
    }
    return bound;
  }
}

/** How one stream is steered. */
export class StreamSteering {
  readonly #session: SessionSteering;
  readonly #stream: SentStream;
  /** The newest STEERING that was sent or seen; 0 before the first. */
  generation = 0;
  #shared: SharedPolicy;
  #scheduler: PacketScheduler;

  constructor(session: SessionSteering, policy: SteeringPolicy, stream: SentStream) {
    this.#session = session;
    this.#stream = stream;
    this.#shared = session.share(policy);
    this.#scheduler = session.schedulerFor(this.#shared.policy, stream);
  }

  /** The same object for all streams with an equal policy. */
  get shared(): SharedPolicy {
    return this.#shared;
  }

  get isSteered(): boolean {
    return this.#shared.isSteered;
  }

  get scheduler(): PacketScheduler {
    return this.#scheduler;
  }

  /** @throws StreamError `resourceExceeded` for a policy that is one too many; nothing has changed then */
  steer(policy: SteeringPolicy): void {
    const before = this.#shared;
    this.#shared = this.#session.share(policy, before);
    this.#session.release(before);
    this.#scheduler = this.#session.schedulerFor(this.#shared.policy, this.#stream, this.#scheduler);
  }

  /** The stream is over. */
  end(): void {
    this.#session.release(this.#shared);
  }
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
