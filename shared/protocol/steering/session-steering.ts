import type { PacketScheduler, SentStream } from '../scheduler/packet-scheduler.ts';
import { UplinkValues } from '../scheduler/uplink-values.ts';
import { DEFAULT_MODE } from './modes.ts';
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
  /** Whether an uplink may carry the stream. */
  readonly allowed: UplinkValues<boolean>;
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

  constructor(options: SchedulersOptions) {
    this.#schedulers = new Schedulers(options);
  }

  /** The steering of a new stream. */
  begin(policy: SteeringPolicy, stream: SentStream): StreamSteering {
    return new StreamSteering(this, policy, stream);
  }

  /** The shared form of a policy; the caller gives it back with `release`. */
  share(policy: SteeringPolicy): SharedPolicy {
    const isSteered = policy.mode !== DEFAULT_MODE || policy.only !== undefined;
    const key = isSteered ? JSON.stringify(policy) : '';
    let entry = this.#policies.get(key);
    if (entry === undefined) {
      const { only } = policy;
      const allowed = new UplinkValues(new Map(only?.map((name) => [name, true])), only === undefined);
      const shared: SharedPolicy = {
        key,
        policy: isSteered ? policy : { mode: DEFAULT_MODE },
        isSteered,
        allowed,
      };
      entry = { shared, users: 0 };
      this.#policies.set(key, entry);
    }
    entry.users++;
    return entry.shared;
  }

  release({ key }: SharedPolicy): void {
    const entry = this.#policies.get(key);
    if (entry !== undefined && --entry.users === 0) this.#policies.delete(key);
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
    this.#scheduler = session.schedulerFor(policy, stream);
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

  steer(policy: SteeringPolicy): void {
    const before = this.#shared;
    this.#shared = this.#session.share(policy);
    this.#session.release(before);
    this.#scheduler = this.#session.schedulerFor(policy, this.#stream, this.#scheduler);
  }

  /** The stream is over. */
  end(): void {
    this.#session.release(this.#shared);
  }
}
