import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { ConcentratorWish, DirectAction, SteeringRule } from './steering-rule.ts';

/** Why connections and datagrams go past the concentrator: a rule; the fallback, at once or after a wait for a session; there is none. */
export type DirectReason = 'rule' | 'fallback' | 'waited' | 'mode';

/** The same for one connection. */
export interface DirectChoice {
  readonly reason: DirectReason;
  /** What has decided on it; undefined: the default. */
  readonly rule: SteeringRule | undefined;
}

/** How datagrams go past the concentrator. */
export type DirectRoute =
  /** As a rule says. */
  | DirectAction
  /** Over whichever uplink the policy allows. */
  | { readonly kind: 'balanced'; readonly policy: StreamPolicy; readonly reason: DirectReason };

/** What happens to the datagrams of a flow now. */
export type DatagramDecision =
  | {
      readonly kind: 'steer';
      readonly policy: StreamPolicy;
      /** Which concentrator is to carry what begins now; absent: the best. */
      readonly concentrator?: ConcentratorWish | undefined;
    }
  | { readonly kind: 'direct'; readonly route: DirectRoute }
  | { readonly kind: 'block' };
