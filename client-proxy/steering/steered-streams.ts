import { isDeepStrictEqual } from 'node:util';
import { PassingSet } from '../../shared/protocol/passing-set.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { CarriedBytes } from '../../shared/protocol/uplink/carried-bytes.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import type { WallClock } from '../../shared/runtime/clock.ts';
import type { SessionCarried } from '../../shared/runtime/session/session-carried.ts';
import type { SteeringSubject } from './rule-set.ts';
import type { ConcentratorWish, SteeringAction, SteeringRule } from './steering-rule.ts';

/** What happens to a connection now: its policy as it is at this time. */
export type DecidedAction =
  | Exclude<SteeringAction, { readonly kind: 'steer' }>
  | { readonly kind: 'steer'; readonly policy: StreamPolicy; readonly concentrator?: ConcentratorWish };

/** The same, and by which rule. */
export interface Decision {
  readonly action: DecidedAction;
  /** Absent: the default. */
  readonly rule?: SteeringRule;
}

interface StreamSteering {
  steer(streamId: number, policy: StreamPolicy): void;
}

/** What steers streams: a session's driver. */
export interface StreamSteerer extends Pick<SessionCarried, 'carriedOf'> {
  input(steer: (session: { readonly streams: StreamSteering }) => void): void;
}

/** Who has asked for a stream, and what for. */
export interface SteeredRequest extends SteeringSubject {
  readonly socket: Pick<AppSocket, 'remoteAddress' | 'destroy'>;
}

/** A stream of an application, for whoever looks at it. */
export interface OpenStream {
  /** The same as long as it is open. */
  readonly key: object;
  readonly request: SteeredRequest;
  readonly policy: StreamPolicy;
  readonly rule: SteeringRule | undefined;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  readonly carried: readonly CarriedBytes[];
  /** The session that it is open in; undefined while it waits for one. */
  readonly session: object | undefined;
}

/** A stream that follows the rules, from its request to its end. */
export interface SteeredStream {
  /** As the rules have it now. */
  readonly policy: StreamPolicy;
  /** Which concentrator is to take it; undefined: the best. An open stream stays where it is. */
  readonly concentrator?: ConcentratorWish | undefined;
  /** It was opened, with `policy`. */
  opened(steerer: StreamSteerer, streamId: number): void;
  /** It is gone. */
  over(): void;
}

/**
 * The streams that wait for a session or are open: at most one for each connection of an application and each visitor, and those
 * that plain HTTP keeps.
 */
export class SteeredStreams {
  readonly #wallClock: WallClock;
  readonly #streams = new PassingSet<TrackedStream>();

  constructor(wallClock: WallClock) {
    this.#wallClock = wallClock;
  }

  /** Those that applications have asked for. */
  get open(): readonly OpenStream[] {
    return [...this.#streams].flatMap((stream) => stream.ofApplication ?? []);
  }

  begin(request: SteeredRequest, policy: StreamPolicy, rule: SteeringRule | undefined): SteeredStream {
    return this.#track({ request: askedBy(request), policy, rule });
  }

  /** An inbound stream: no rule is about it, so that it follows what `decide` makes of itself. */
  beginInbound(decide: () => StreamPolicy): SteeredStream {
    return this.#track({ decide, policy: decide() });
  }

  /**
   * Has all streams follow other rules. What these would block or dial directly goes on as it is: its bytes are under way.
   * @returns how many were steered anew
   */
  follow(decide: (subject: SteeringSubject) => Decision): number {
    let changed = 0;
    for (const stream of this.#streams) if (stream.follow(decide)) changed++;
    return changed;
  }

  #track(begun: Begun): SteeredStream {
    const stream = new TrackedStream(begun, this.#wallClock(), () => this.#streams.delete(stream));
    this.#streams.add(stream);
    return stream;
  }
}

/** What is kept of a request: without what the application has sent with it. */
export function askedBy({ destination, user, name, socket }: SteeredRequest): SteeredRequest {
  return {
    ...{ destination, socket },
    ...(user === undefined ? {} : { user }),
    ...(name === undefined ? {} : { name }),
  };
}

interface Begun {
  /** Either this, */
  readonly request?: SteeredRequest;
  /** or what steers it. */
  readonly decide?: () => StreamPolicy;
  readonly policy: StreamPolicy;
  readonly rule?: SteeringRule | undefined;
}

class TrackedStream implements SteeredStream {
  policy: StreamPolicy;
  readonly #request: SteeredRequest | undefined;
  readonly #sinceMs: number;
  #rule: SteeringRule | undefined;
  readonly over: () => void;
  readonly #decide: (() => StreamPolicy) | undefined;
  #open: { readonly steerer: StreamSteerer; readonly streamId: number } | undefined;

  constructor({ request, decide, policy, rule }: Begun, sinceMs: number, over: () => void) {
    this.#request = request;
    this.#decide = decide;
    this.policy = policy;
    this.#rule = rule;
    this.#sinceMs = sinceMs;
    this.over = over;
  }

  get concentrator(): ConcentratorWish | undefined {
    const action = this.#rule?.action;
    return action?.kind === 'steer' ? action.concentrator : undefined;
  }

  /** As it is now; undefined for an inbound stream. */
  get ofApplication(): OpenStream | undefined {
    if (this.#request === undefined) return undefined;
    const carried = this.#open?.steerer.carriedOf(this.#open.streamId) ?? [];
    return {
      ...{ key: this, request: this.#request, policy: this.policy },
      ...{ rule: this.#rule, sinceMs: this.#sinceMs, carried, session: this.#open?.steerer },
    };
  }

  opened(steerer: StreamSteerer, streamId: number): void {
    this.#open = { steerer, streamId };
  }

  /** @returns whether it has another policy now */
  follow(decide: (subject: SteeringSubject) => Decision): boolean {
    if (this.#decide !== undefined) return this.#steer(this.#decide());
    const { action, rule } = decide(this.#request!);
    if (action.kind !== 'steer') return false;
    this.#rule = rule;
    return this.#steer(action.policy);
  }

  #steer(policy: StreamPolicy): boolean {
    if (isDeepStrictEqual(policy, this.policy)) return false;
    this.policy = policy;
    const open = this.#open;
    open?.steerer.input(({ streams }) => streams.steer(open.streamId, policy));
    return true;
  }
}
