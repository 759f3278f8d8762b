import type {
  DatagramCommands,
  DatagramEvent,
  OpenedFlow,
} from '../../shared/protocol/datagram/datagram-commands.ts';
import { formatDestination } from '../../shared/protocol/destination.ts';
import { type ErrorName, StreamError, TributaryError } from '../../shared/protocol/errors.ts';
import type { MemoryBudget } from '../../shared/protocol/memory-budget.ts';
import type { ReleasePlace } from '../../shared/runtime/async/shared-places.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import type { ClientAllowances } from '../limits/client-allowances.ts';
import type { Pacers } from '../limits/paced-socket.ts';
import { Association, type Newcomer } from './association.ts';
import type { DatagramCounts } from './datagram-counts.ts';
import { type FlowTargets, flowTarget } from './flow-targets.ts';
import { OriginFlow } from './origin-flow.ts';
import type { OriginSocket, OriginSocketHandlers } from './origin-socket.ts';

/** What the concentrator tells a session of datagrams on behalf of origins. */
export type FlowCommands = Pick<DatagramCommands, 'openFlow' | 'endFlow' | 'send'>;

export interface AssociationsOptions {
  readonly clientId: string;
  /** Gives the session an input. */
  input<Result>(work: (datagrams: FlowCommands) => Result): Result;
  readonly targets: Pick<FlowTargets, 'find' | 'permits' | 'onReached'>;
  /** What the client may carry. */
  readonly allowances: Pick<ClientAllowances, 'refuse' | 'pacersOf'>;
  /** @returns undefined where the client, or all of them, may have no more */
  claimFlow(clientId: string): ReleasePlace | undefined;
  claimAssociation(clientId: string): ReleasePlace | undefined;
  /** Rejects with StreamError. */
  openSocket(family: 4 | 6, handlers: OriginSocketHandlers, clientId: string): Promise<OriginSocket>;
  readonly idleTimeoutMs: number;
  /** For what waits until it is known where it goes. */
  readonly memory: MemoryBudget;
  readonly counts: DatagramCounts;
  readonly logger: LineLog;
}

/** From ports of a contacted address that nobody has asked: so many flows of an association at a time. Games and peers behind a NAT need a few. */
const MAX_NEWCOMERS = 32;

/** What waits in all flows of a session until it is known where they go, */
const MAX_EARLY_BYTES = 1024 * 1024;
/** if its client and the process have so much of their memory free. */
const EARLY_SHARE = 3 / 4;

interface Entry {
  readonly association: Association;
  readonly release: ReleasePlace;
  newcomers: number;
}

/** The associations of one session, and their flows with origins. */
export class Associations {
  readonly #options: AssociationsOptions;
  readonly #flows = new Map<number, OriginFlow>();
  readonly #associations = new Map<number, Entry>();
  #earlyBytes = 0;

  constructor(options: AssociationsOptions) {
    this.#options = options;
  }

  /** Whose they are. */
  get clientId(): string {
    return this.#options.clientId;
  }

  get count(): number {
    return this.#associations.size;
  }

  get flowCount(): number {
    return this.#flows.size;
  }

  /** What the client has said. */
  handle(event: DatagramEvent): void {
    switch (event.type) {
      case 'flow-opened':
        this.#begin(event.flow);
        break;
      case 'datagram':
        this.#send(event.flowId, event.payload);
        break;
      case 'flow-ended':
        this.#forget(event.flowId);
        break;
      case 'association-ended':
        this.#endAssociation(event.associationId);
        break;
      case 'datagrams-offered':
        break;
    }
  }

  /** Ends the flows that the egress policy forbids now. */
  recheck(): void {
    const { targets, clientId } = this.#options;
    for (const flow of [...this.#flows.values()]) {
      const { target, askedHost } = flow;
      if (target === undefined || targets.permits(askedHost, target, clientId)) continue;
      this.#end(flow, 'notAuthorized');
    }
  }

  /** Ends what has been idle for too long. @param elapsedMs since the last sweep */
  sweep(elapsedMs: number): void {
    const { idleTimeoutMs } = this.#options;
    for (const flow of [...this.#flows.values()]) {
      flow.idleMs = flow.isActive ? 0 : flow.idleMs + elapsedMs;
      flow.isActive = false;
      if (flow.idleMs >= idleTimeoutMs) this.#end(flow, 'idleTimeout');
    }
    for (const [id, { association }] of this.#associations) {
      if (!association.isEmpty) continue;
      association.idleMs += elapsedMs;
      if (association.idleMs >= idleTimeoutMs) this.#endAssociation(id);
    }
  }

  /** The session is over. */
  close(): void {
    for (const id of [...this.#associations.keys()]) this.#endAssociation(id);
  }

  #begin({ flowId: id, associationId, destination }: OpenedFlow): void {
    const { clientId, claimFlow, targets, allowances, counts } = this.#options;
    const release = claimFlow(clientId);
    const entry = release && (this.#associations.get(associationId) ?? this.#newAssociation(associationId));
    if (release === undefined || entry === undefined) {
      release?.();
      // Those that wait to be refused for a quota have places, too: then the quota is why there are no more.
      const code = allowances.refuse(clientId) ?? 'resourceExceeded';
      counts.opens.add(code);
      this.#tell((datagrams) => datagrams.endFlow(id, code));
      return;
    }
    const flow = new OriginFlow({ id, associationId, destination, release });
    this.#flows.set(id, flow);
    entry.association.add(flow);
    const finding = async () => {
      const target = await targets.find(destination, flow.over, clientId);
      await entry.association.open(target.to.family);
      return target;
    };
    finding().then(
      (target) => {
        if (flow.over.aborted) return;
        counts.opens.add('ok');
        flow.target = target;
        for (const payload of this.#takeEarly(flow)) this.#send(id, payload);
      },
      (error: unknown) => {
        if (flow.over.aborted) return;
        const code = this.#codeOf(error, flow);
        counts.opens.add(code);
        this.#end(flow, code);
      },
    );
  }

  #newAssociation(id: number): Entry | undefined {
    const { clientId, claimAssociation, openSocket, targets, counts } = this.#options;
    const release = claimAssociation(clientId);
    if (release === undefined) return undefined;
    const association = new Association({
      id,
      openSocket: (family, handlers) => openSocket(family, handlers, clientId),
      onDatagram: (flow, payload) => {
        if (this.#mayPass('down', payload)) this.#tell((datagrams) => datagrams.send(flow.id, payload));
      },
      onNewcomer: (newcomer) => this.#welcome(entry, newcomer),
      onReached: () => targets.onReached(clientId),
      onUnreachable: (flow, error) => this.#end(flow, error),
      onDropped: (reason) => counts.drop(reason),
    });
    const entry: Entry = { association, release, newcomers: 0 };
    this.#associations.set(id, entry);
    return entry;
  }

  #send(flowId: number, payload: Uint8Array): void {
    const flow = this.#flows.get(flowId);
    // The client has sent it before it knew that the flow is over.
    if (flow === undefined) return;
    if (flow.target === undefined) {
      if (!this.#keepEarly(flow, payload)) this.#options.counts.drop('early');
      return;
    }
    if (!this.#mayPass('up', payload)) return;
    this.#associations.get(flow.associationId)!.association.send(flow, payload);
  }

  /** A datagram beyond the client's rate is dropped, as by a line. */
  #mayPass(direction: keyof Pacers, { length }: Uint8Array): boolean {
    const { clientId, allowances, counts } = this.#options;
    if (allowances.pacersOf(clientId)[direction].tryPass(length)) return true;
    counts.drop('rate-limit');
    return false;
  }

  #keepEarly(flow: OriginFlow, payload: Uint8Array): boolean {
    const { memory } = this.#options;
    const { length } = payload;
    const hasRoom = this.#earlyBytes + length <= MAX_EARLY_BYTES && memory.freeBytes(EARLY_SHARE) >= length;
    if (!hasRoom || !flow.keepEarly(payload)) return false;
    this.#earlyBytes += length;
    memory.take(length);
    return true;
  }

  #takeEarly(flow: OriginFlow): readonly Uint8Array[] {
    const payloads = flow.takeEarly();
    for (const { length } of payloads) {
      this.#earlyBytes -= length;
      this.#options.memory.give(length);
    }
    return payloads;
  }

  /** A flow for what has come from a port of a contacted address that no flow leads to. */
  #welcome(entry: Entry, { from, shown, askedHosts, isAnswer }: Newcomer): OriginFlow | undefined {
    const { clientId, claimFlow, targets, counts } = this.#options;
    const { association } = entry;
    const target = flowTarget(from.host, from.port, shown);
    const askedHost = askedHosts.find((host) => targets.permits(host, target, clientId));
    if (askedHost === undefined) {
      counts.drop('forbidden');
      return undefined;
    }
    const releaseFlow = isAnswer || entry.newcomers < MAX_NEWCOMERS ? claimFlow(clientId) : undefined;
    const destination = { host: shown, port: from.port };
    const id = releaseFlow && this.#tryOpen(association.id, destination);
    if (releaseFlow === undefined || id === undefined) {
      releaseFlow?.();
      counts.drop('flow-limit');
      return undefined;
    }
    if (!isAnswer) entry.newcomers++;
    const release = () => {
      releaseFlow();
      if (!isAnswer) entry.newcomers--;
    };
    const { id: associationId } = association;
    const flow = new OriginFlow({ id, associationId, destination, askedHost, target, release });
    this.#flows.set(id, flow);
    association.addAnswering(flow, from);
    counts.begunHere++;
    return flow;
  }

  #tryOpen(associationId: number, destination: OriginFlow['destination']): number | undefined {
    try {
      return this.#tell((datagrams) => datagrams.openFlow(associationId, destination));
    } catch (error) {
      if (error instanceof StreamError) return undefined;
      throw error;
    }
  }

  /** Ends a flow from this end. */
  #end(flow: OriginFlow, error: ErrorName): void {
    if (!this.#flows.has(flow.id)) return;
    this.#forget(flow.id);
    this.#tell((datagrams) => datagrams.endFlow(flow.id, error));
  }

  #forget(flowId: number): void {
    const flow = this.#flows.get(flowId);
    if (flow === undefined) return;
    this.#flows.delete(flowId);
    flow.over.abort();
    this.#associations.get(flow.associationId)?.association.remove(flow);
    flow.release();
    for (const _ of this.#takeEarly(flow)) this.#options.counts.drop('refused');
  }

  #endAssociation(id: number): void {
    const entry = this.#associations.get(id);
    if (entry === undefined) return;
    for (const flow of entry.association.flows) this.#forget(flow.id);
    this.#associations.delete(id);
    entry.association.close();
    entry.release();
  }

  #tell<Result>(work: (datagrams: FlowCommands) => Result): Result {
    return this.#options.input(work);
  }

  /** Where a client goes is nobody's business unless somebody looks for a fault. */
  #codeOf(error: unknown, { destination }: OriginFlow): ErrorName {
    const { logger } = this.#options;
    if (error instanceof TributaryError) {
      logger.debug({ origin: formatDestination(destination), reason: error.message }, 'flow refused');
      return error.code;
    }
    logger.error({ err: error }, 'internal error: a flow was refused');
    return 'internalError';
  }
}
