import { isDeepStrictEqual } from 'node:util';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { SteeringSubject } from './rule-set.ts';
import type { SteeringAction } from './steering-rule.ts';

/** What happens to a connection now: its policy as it is at this time. */
export type DecidedAction =
  | Exclude<SteeringAction, { readonly kind: 'steer' }>
  | { readonly kind: 'steer'; readonly policy: StreamPolicy };

interface StreamSteering {
  steer(streamId: number, policy: StreamPolicy): void;
}

/** What steers streams: a session's driver. */
export interface StreamSteerer {
  input(steer: (session: { readonly streams: StreamSteering }) => void): void;
}

/** A stream that follows the rules, from its request to its end. */
export interface SteeredStream {
  /** As the rules have it now. */
  readonly policy: StreamPolicy;
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
  readonly #streams = new Set<TrackedStream>();

  begin({ destination, user, name }: SteeringSubject, policy: StreamPolicy): SteeredStream {
    const subject = {
      destination,
      ...(user === undefined ? {} : { user }),
      ...(name === undefined ? {} : { name }),
    };
    const stream = new TrackedStream(subject, policy, () => this.#streams.delete(stream));
    this.#streams.add(stream);
    return stream;
  }

  /** An inbound stream: no rule is about it, so that it follows what `decide` makes of itself. */
  beginInbound(decide: () => StreamPolicy): SteeredStream {
    const stream = new TrackedStream(decide, decide(), () => this.#streams.delete(stream));
    this.#streams.add(stream);
    return stream;
  }

  /**
   * Has all streams follow other rules. What these would block or dial directly goes on as it is: its bytes are under way.
   * @returns how many were steered anew
   */
  follow(decide: (subject: SteeringSubject) => DecidedAction): number {
    let changed = 0;
    for (const stream of this.#streams) {
      const { subject } = stream;
      const action: DecidedAction =
        typeof subject === 'function' ? { kind: 'steer', policy: subject() } : decide(subject);
      if (action.kind === 'steer' && stream.steer(action.policy)) changed++;
    }
    return changed;
  }
}

class TrackedStream implements SteeredStream {
  readonly subject: SteeringSubject | (() => StreamPolicy);
  policy: StreamPolicy;
  readonly over: () => void;
  #open: { readonly steerer: StreamSteerer; readonly streamId: number } | undefined;

  constructor(subject: TrackedStream['subject'], policy: StreamPolicy, over: () => void) {
    this.subject = subject;
    this.policy = policy;
    this.over = over;
  }

  opened(steerer: StreamSteerer, streamId: number): void {
    this.#open = { steerer, streamId };
  }

  /** @returns whether that is another policy */
  steer(policy: StreamPolicy): boolean {
    if (isDeepStrictEqual(policy, this.policy)) return false;
    this.policy = policy;
    const open = this.#open;
    open?.steerer.input(({ streams }) => streams.steer(open.streamId, policy));
    return true;
  }
}
