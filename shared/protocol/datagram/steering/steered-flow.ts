import type { Now } from '../../now.ts';
import type { SharedPolicy } from '../../steering/session-steering.ts';
import type { SteeringPolicy } from '../../steering/steering-policy.ts';
import type { Uplink } from '../../uplink/uplink.ts';
import { ByteRate } from './byte-rate.ts';
import type { FlowMode } from './modes/flow-mode.ts';

/** How one flow is steered, as FLOW_STEERING says it; and what has been decided with it. */
export interface FlowRule {
  /** What this end goes by; behind it what the peer was asked to, where it is another. */
  readonly policies: readonly [SharedPolicy, ...SharedPolicy[]];
  readonly mode: FlowMode;
}

/** One flow as steering knows it; made by `FlowSteering.begin`. */
export class SteeredFlow {
  rule: FlowRule;
  /** The uplink on which the peer sent last. */
  peersUplink: Uplink | undefined;
  readonly #now: Now;
  readonly #rate: ByteRate;
  /** Counted as bytes are. */
  readonly #datagrams: ByteRate;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(rule: FlowRule, now: Now) {
    this.rule = rule;
    this.#now = now;
    this.#rate = new ByteRate(now);
    this.#datagrams = new ByteRate(now);
  }

  /** What this end goes by. */
  get policy(): SteeringPolicy {
    return this.rule.policies[0].policy;
  }

  /** Of late, what is sent in it. */
  get bytesPerSecond(): number {
    return this.#rate.bytesPerSecond;
  }

  /** It sends again and again, as calls and games do; a question does not. Whether it is small is another matter. */
  get isCall(): boolean {
    return this.#datagrams.bytesPerSecond > LEAST_CALL_RATE;
  }

  /** For how long it has sent nothing. */
  get pauseMs(): number {
    return this.#now.ms - this.#lastMs;
  }

  onSent(bytes: number): void {
    this.#rate.add(bytes);
    this.#datagrams.add(1);
    this.#lastMs = this.#now.ms;
  }
}

/** Datagrams a second. The slowest codecs send 8, games 10 to 60. */
const LEAST_CALL_RATE = 6;
