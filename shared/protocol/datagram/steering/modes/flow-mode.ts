import type { Now } from '../../../now.ts';
import type { LimitsOfMode } from '../../../scheduler/mode-context.ts';
import type { PolicyParameters } from '../../../scheduler/policy-parameters.ts';
import type { UplinkLimits } from '../../../scheduler/uplink-limits.ts';
import type { UplinkView } from '../../../subflow/subflow-view.ts';
import type { FlowView } from './flow-view.ts';
import type { FlowModeTuning } from './mode-tuning.ts';

/** The datagram that wants a place. */
export interface FlowRequest {
  readonly bytes: number;
  /** Its flow is small: a call, a game, a question. */
  readonly isSmall: boolean;
  /** For how long the flow has sent nothing. */
  readonly pauseMs: number;
}

/** What a mode has chosen. */
export interface Selection {
  /** It leaves on all of these; none: there is no room. */
  readonly views: readonly FlowView[];
  /** The flow takes several uplinks at a time: the peer puts its datagrams in order. */
  readonly spread: boolean;
}

/** How one flow goes over the uplinks: a steering mode. */
export interface FlowMode {
  /** @param views of the uplinks that the policy allows, and that work; not empty */
  select(request: FlowRequest, views: readonly FlowView[]): Selection;
}

/** What a mode may need of its session and its flow. */
export interface FlowModeContext {
  readonly now: Now;
  readonly policy: PolicyParameters;
  /** The limits of the policy, the same object for all flows that have it. */
  readonly limits: (how: LimitsOfMode) => UplinkLimits;
  /** Where the policy leaves the choice open, the uplink on which the peer sent last, at the concentrator. */
  readonly peersUplink: () => UplinkView | undefined;
  readonly tuning: FlowModeTuning;
}

/** On this one, if there is one that may be used. */
export function onOne(view: FlowView | undefined, { bytes, isSmall }: FlowRequest): Selection {
  return view?.takes(bytes, isSmall) ? { views: [view], spread: false } : NO_ROOM;
}

export const NO_ROOM: Selection = { views: [], spread: false };
