import type { PacketScheduler } from '../scheduler/scheduler.ts';
import type { SteeringPolicy } from '../steering/steering-policy.ts';
import { StreamPace } from '../steering/stream-pace.ts';
import type { ReceiveStream } from '../stream/receive-stream.ts';
import type { SendStream } from '../stream/send-stream.ts';
import { StateMachine, type TransitionTable } from '../transition-table.ts';
import type { SessionEvent } from './events.ts';
import { Redundancy } from './redundancy.ts';

/** How far the opening of a stream has come, SPEC.md section 6. */
export type StreamPhase = 'opening' | 'embryonic' | 'dialling' | 'open';
type PhaseEvent = 'openReceived' | 'accepted' | 'opened';

const PHASE_TABLE: TransitionTable<StreamPhase, PhaseEvent> = {
  opening: { opened: 'open' },
  embryonic: { openReceived: 'dialling' },
  dialling: { accepted: 'open' },
  open: {},
};

/** One application connection: two halves and a steering policy. */
export class Stream {
  readonly id: number;
  readonly send: SendStream;
  readonly receive: ReceiveStream;
  readonly pace = new StreamPace();
  /** What `scheduler` follows; set by the transmitter. */
  scheduler: PacketScheduler | undefined;
  /** The newest STEERING that was sent or seen; 0 before the first. */
  steeringGeneration = 0;
  #policy: SteeringPolicy;
  #policyKey = '';
  #redundancy: Redundancy | undefined;
  /** What DATA that overtook OPEN brought, for whoever serves the stream then; bounded by the first window and MAX_REORDER_ENTRIES. */
  readonly beforeOpen: SessionEvent[] = [];
  readonly #phase: StateMachine<StreamPhase, PhaseEvent>;

  constructor(
    send: SendStream,
    receive: ReceiveStream,
    phase: 'opening' | 'embryonic',
    policy: SteeringPolicy,
  ) {
    this.id = send.id;
    this.send = send;
    this.receive = receive;
    this.#policy = policy;
    this.steer(policy);
    this.#phase = new StateMachine(`stream ${send.id}`, PHASE_TABLE, phase);
  }

  get phase(): StreamPhase {
    return this.#phase.state;
  }

  get policy(): SteeringPolicy {
    return this.#policy;
  }

  /** The same for all streams with an equal policy. */
  get policyKey(): string {
    return this.#policyKey;
  }

  /** Whether it has a choice of uplinks of its own, other than all streams have by default. */
  get isSteered(): boolean {
    return this.#policy.mode !== 'aggregate' || this.#policy.only !== undefined;
  }

  /** In mode `redundant`: which subflow was given what. */
  get redundancy(): Redundancy | undefined {
    return this.#redundancy;
  }

  steer(policy: SteeringPolicy): void {
    this.#policy = policy;
    this.#policyKey = this.isSteered ? JSON.stringify(policy) : '';
    this.#redundancy = policy.mode === 'redundant' ? (this.#redundancy ?? new Redundancy()) : undefined;
    this.scheduler = undefined;
  }

  advance(event: PhaseEvent): void {
    this.#phase.apply(event);
  }

  get isDone(): boolean {
    return this.send.state === 'done' && this.receive.state === 'done';
  }
}
