import type { Now } from '../../now.ts';
import type { SteeringPolicy } from '../../steering/steering-policy.ts';
import type { Uplink } from '../../uplink/uplink.ts';
import type { DatagramPath } from '../path/datagram-path.ts';
import type { TrackedDatagram } from '../path/tracked-datagram.ts';
import type { Carrier, Choice } from './carrier.ts';
import { SteeredFlow } from './steered-flow.ts';

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
  /** Where a policy leaves the choice open, the uplink on which the peer sent last is taken: the concentrator. */
  readonly followsPeer: boolean;
}

/** Which carriers each datagram of a session takes. */
export class FlowSteering {
  readonly #options: FlowSteeringOptions;

  constructor(options: FlowSteeringOptions) {
    this.#options = options;
  }

  /** A new flow. @throws StreamError `resourceExceeded` for a policy that is one too many */
  begin(policy: SteeringPolicy = DEFAULT_FLOW_POLICY): SteeredFlow {
    return new SteeredFlow(policy);
  }

  /** Otherwise from now on. @throws StreamError as `begin`; nothing has changed then */
  steer(flow: SteeredFlow, policy: SteeringPolicy): void {
    flow.policy = policy;
  }

  end(_flow: SteeredFlow): void {}

  /** A datagram of the peer's has come on this uplink. */
  onReceived(_flow: SteeredFlow, _uplink: Uplink): void {}

  /** Where the flow's next datagram goes. @param bytes of its payload */
  choose(_flow: SteeredFlow, _bytes: number): Choice {
    for (const path of this.#options.host.paths) {
      if (path.isUsable) return { carriers: [{ kind: 'path', path }], spread: false, isTracked: false };
    }
    for (const uplink of this.#options.host.uplinks) {
      if (uplink.subflows.some(({ state }) => state === 'active')) {
        return { carriers: [{ kind: 'frames', uplink }], spread: false, isTracked: false };
      }
    }
    return { carriers: [], dropped: 'no-uplink', spread: false, isTracked: false };
  }

  /** Where a datagram goes once more that `path.takeLate` gave; undefined: nowhere. */
  chooseAgain(_flow: SteeredFlow, _datagram: TrackedDatagram, _late: DatagramPath): Carrier | undefined {
    return undefined;
  }
}
