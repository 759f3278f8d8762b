import type { Destination } from '../../shared/protocol/destination.ts';
import { Cancellation } from '../../shared/runtime/async/cancellation.ts';
import type { FlowTarget } from './flow-targets.ts';

/** Datagrams of a flow that wait until it is known where they go: the first ones are kept, which set up what follows. */
const MAX_EARLY = 32;
const MAX_EARLY_BYTES = 64 * 1024;

/** A flow at the concentrator's end. */
export class OriginFlow {
  readonly id: number;
  readonly associationId: number;
  readonly destination: Destination;
  /** What the egress policy judges: the name that the client asked for, also in the flow of an answer, whose destination is an address. */
  readonly askedHost: string;
  /** Aborts when the flow is over. */
  readonly over = new Cancellation();
  /** Gives back what it holds of the client's share. */
  readonly release: () => void;
  /** Undefined until it has been found. */
  target: FlowTarget | undefined;
  hasSent = false;
  hasReceived = false;
  /** Whether anything has come or gone since the last sweep, and how long nothing has. */
  isActive = true;
  idleMs = 0;
  readonly #early: Uint8Array[] = [];
  #earlyBytes = 0;

  constructor(flow: {
    readonly id: number;
    readonly associationId: number;
    readonly destination: Destination;
    /** Absent: the destination's */
    readonly askedHost?: string;
    readonly target?: FlowTarget;
    release(): void;
  }) {
    this.id = flow.id;
    this.associationId = flow.associationId;
    this.destination = flow.destination;
    this.askedHost = flow.askedHost ?? flow.destination.host;
    this.target = flow.target;
    this.release = () => flow.release();
  }

  /** @returns whether it is kept until `takeEarly` */
  keepEarly(payload: Uint8Array): boolean {
    const bytes = this.#earlyBytes + payload.length;
    if (this.#early.length >= MAX_EARLY || bytes > MAX_EARLY_BYTES) return false;
    this.#early.push(payload);
    this.#earlyBytes = bytes;
    return true;
  }

  takeEarly(): readonly Uint8Array[] {
    this.#earlyBytes = 0;
    return this.#early.splice(0);
  }
}
