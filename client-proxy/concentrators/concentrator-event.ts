/** What happens to a concentrator that there is beside others, for whoever looks back. */
export const CONCENTRATOR_EVENTS = ['chosen', 'lost', 'draining', 'back'] as const;

export interface ConcentratorEvent {
  readonly concentrator: string;
  /**
   * `chosen`: new connections go there from now on; `lost`: it cannot be reached any more; `draining`: the same, since it is about to
   * stop; `back`: it can be again.
   */
  readonly kind: (typeof CONCENTRATOR_EVENTS)[number];
  /** Why, for a person. */
  readonly reason: string;
}
