import type { DatagramSession } from '../../../client-proxy/datagram/datagram-side.ts';
import type {
  DatagramCommands,
  DatagramEvent,
  DatagramSetup,
} from '../../../shared/protocol/datagram/datagram-commands.ts';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { type ErrorName, StreamError } from '../../../shared/protocol/errors.ts';
import type { StreamPolicy } from '../../../shared/protocol/steering/steering-policy.ts';

const BEGUN_BY_CONCENTRATOR = 2 ** 31;

/** What an end of a session is told of datagrams, written down; and what it tells, said by the test. */
export class FakePlane implements DatagramSession {
  /** Each call, as text. */
  readonly calls: string[] = [];
  readonly sent: { readonly flowId: number; readonly payload: string }[] = [];
  /** Called for each datagram that is sent. */
  onSent: (flowId: number, payload: Uint8Array) => void = () => {};
  readonly destinations = new Map<number, Destination>();
  /** What opening fails with from now on. */
  refusal: ErrorName | undefined;
  #associations = 0;
  #flows = 0;
  #reverse = 0;

  readonly setup: DatagramSetup;

  constructor(bounds: { readonly maxFlows?: number; readonly maxAssociations?: number } = {}) {
    this.setup = {
      ...{ epoch: 1, port: 443, connectionId: new Uint8Array(8), secret: new Uint8Array(32) },
      ...{ maxFlows: 1024, maxAssociations: 256, ...bounds },
    };
  }

  get offered(): DatagramEvent {
    return { type: 'datagrams-offered', setup: this.setup };
  }

  /** The concentrator begins a flow. */
  reverse(associationId: number, destination: Destination): DatagramEvent & { readonly type: 'flow-opened' } {
    const flowId = BEGUN_BY_CONCENTRATOR + this.#reverse++;
    return { type: 'flow-opened', flow: { flowId, associationId, destination, mode: 'lowest-latency' } };
  }

  /** Bytes of one uplink, for each flow that is open. */
  carriedOfFlow = (flowId: number) =>
    this.destinations.has(flowId) ? [{ uplinkName: 'dsl', sentBytes: 100, receivedBytes: 1_000 }] : [];

  input<Result>(command: (session: { readonly datagrams: DatagramCommands }) => Result): Result {
    const unused = () => {
      throw new Error('not of the front');
    };
    return command({
      datagrams: {
        setup: this.setup,
        ...{ offer: unused, addPath: unused, removePath: unused, uplinkOf: unused },
        ...{ isNew: unused, receive: unused, takePackets: unused, onTooLong: unused },
        openAssociation: () => this.#openAssociation(),
        endAssociation: (id, error) => void this.calls.push(`end association ${id}: ${error}`),
        openFlow: (id, destination, policy) => this.#openFlow(id, destination, policy),
        steerFlow: (id, { mode }) => void this.calls.push(`steer ${id}: ${mode}`),
        endFlow: (id, error) => void this.calls.push(`end ${id}: ${error}`),
        send: (flowId, payload) => {
          this.sent.push({ flowId, payload: Buffer.from(payload).toString() });
          this.onSent(flowId, payload);
        },
      },
    });
  }

  #openAssociation(): number {
    this.#mayOpen();
    const id = this.#associations++;
    this.calls.push(`association ${id}`);
    return id;
  }

  #openFlow(associationId: number, destination: Destination, policy: StreamPolicy | undefined): number {
    this.#mayOpen();
    const id = this.#flows++;
    this.destinations.set(id, destination);
    const { host, port } = destination;
    this.calls.push(`flow ${id} of ${associationId} to ${host} ${port}: ${policy?.mode}`);
    return id;
  }

  #mayOpen(): void {
    if (this.refusal !== undefined) throw new StreamError(this.refusal, 'says the test');
  }
}
