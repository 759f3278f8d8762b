import type { DatagramPath } from '../../../../shared/protocol/datagram/path/datagram-path.ts';
import type { Carrier, Choice } from '../../../../shared/protocol/datagram/steering/carrier.ts';
import { FlowSteering } from '../../../../shared/protocol/datagram/steering/flow-steering.ts';
import type { SteeredFlow } from '../../../../shared/protocol/datagram/steering/steered-flow.ts';
import { DEFAULT_TUNING } from '../../../../shared/protocol/session/core-tuning.ts';
import { SessionSteering } from '../../../../shared/protocol/steering/session-steering.ts';
import type { StreamPolicy } from '../../../../shared/protocol/steering/steering-policy.ts';
import type { Uplink } from '../../../../shared/protocol/uplink/uplink.ts';
import { newSubflow, newUplink } from '../../new-subflow.ts';
import { TestClock } from '../../test-clock.ts';
import { PathBed } from '../path/path-bed.ts';

/** What an uplink of the bed is like; without `rttMs` UDP does not pass on it. */
export interface BedUplink {
  readonly name: string;
  readonly rttMs?: number;
  readonly isMetered?: boolean;
  readonly isBackup?: boolean;
}

/** Uplinks with a subflow and, mostly, a path that is in use. */
export class SteeringBed {
  readonly clock = new TestClock();
  readonly uplinks: Uplink[] = [];
  readonly beds = new Map<string, PathBed>();
  readonly steering: FlowSteering;
  readonly #paths: DatagramPath[] = [];

  constructor(uplinks: readonly BedUplink[], followsPeer = false) {
    for (const [id, { name, rttMs, isMetered = false, isBackup = false }] of uplinks.entries()) {
      const uplink = newUplink(name, this.clock);
      uplink.rateLimit.set({ sendBytesPerSecond: 0, receiveBytesPerSecond: 0, isMetered });
      newSubflow({ id, isBackup }, uplink, this.clock);
      this.uplinks.push(uplink);
      const bed = new PathBed(uplink, this.clock);
      this.#paths.push(bed.path);
      this.beds.set(name, bed);
      if (rttMs === undefined) continue;
      bed.rttMs = rttMs;
      bed.exchange(30);
    }
    this.steering = new FlowSteering({
      now: this.clock,
      host: { paths: this.#paths, uplinks: this.uplinks },
      policies: new SessionSteering({ now: this.clock, tuning: DEFAULT_TUNING, followsPeer }),
      tuning: DEFAULT_TUNING,
      followsPeer,
    });
  }

  bed(name: string): PathBed {
    return this.beds.get(name)!;
  }

  flow(policy?: StreamPolicy): SteeredFlow {
    return this.steering.begin(policy);
  }

  /** Sends one datagram as chosen. @returns the uplinks; those whose subflows carry it in brackets */
  send(flow: SteeredFlow, bytes = 160): string {
    const choice = this.steering.choose(flow, bytes);
    this.#onSent(choice, bytes);
    return choice.carriers.map(nameOf).join(' ') || choice.dropped!;
  }

  /** A packet is under way on it, for so long that feedback is late. */
  makeLate(name: string): void {
    const { path } = this.bed(name);
    this.bed(name).send();
    this.clock.ms = path.liveness.lateAtMs;
  }

  /** And for longer. */
  silence(name: string): void {
    this.makeLate(name);
    this.clock.ms += 200;
  }

  #onSent({ carriers }: Choice, bytes: number): void {
    for (const carrier of carriers) {
      if (carrier.kind === 'path') carrier.path.onSent({ packetBytes: bytes + 40, wantsFeedback: true });
    }
  }
}

export function nameOf(carrier: Carrier): string {
  return carrier.kind === 'path' ? carrier.path.uplink.name : `(${carrier.uplink.name})`;
}
