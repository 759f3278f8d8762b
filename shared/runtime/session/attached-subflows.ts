import type { Destination } from '../../protocol/destination.ts';
import type { ReceivedChunk } from '../../protocol/memory/chunk.ts';
import type { Session } from '../../protocol/session/session.ts';
import type { SubflowTransport } from '../subflow/subflow-transport.ts';
import { farewell } from './farewell.ts';
import type { UplinkTraffic } from './uplink-traffic.ts';

/** A subflow's connection, as this end sees it. */
export interface SubflowLink {
  readonly local: Destination;
  /** Where the uplink is a proxy, the proxy. */
  readonly remote: Destination;
  /** Since when it is up, by the session's clock. */
  readonly sinceMs: number;
  /** Why it is doubted, if it is. */
  readonly doubtReason: string | undefined;
}

export interface Attached {
  readonly transport: SubflowTransport;
  readonly traffic: UplinkTraffic;
  readonly uplinkName: string;
  readonly sinceMs: number;
  doubtReason: string | undefined;
  /** Read while the session had to wait: what TLS had in hand when reading stopped. */
  readonly held: ReceivedChunk[];
}

/** The transports of a session's subflows. */
export class AttachedSubflows {
  readonly #session: Session;
  readonly #byId = new Map<number, Attached>();

  constructor(session: Session) {
    this.#session = session;
  }

  get(subflowId: number): Attached | undefined {
    return this.#byId.get(subflowId);
  }

  set(subflowId: number, attached: Attached): void {
    this.#byId.set(subflowId, attached);
  }

  /** @returns what was attached; the caller closes its transport */
  delete(subflowId: number): Attached | undefined {
    const attached = this.#byId.get(subflowId);
    this.#byId.delete(subflowId);
    for (const chunk of attached?.held.splice(0) ?? []) chunk.release();
    return attached;
  }

  /** Whether all of them are read. */
  setReading(isReading: boolean): void {
    for (const { transport } of this.#byId.values()) transport.setReading(isReading);
  }

  /** Whether something of it waits. */
  holds(subflowId: number): boolean {
    return (this.#byId.get(subflowId)?.held.length ?? 0) > 0;
  }

  /** Keeps what was read. @returns false when the subflow is gone, and nothing is kept */
  hold(subflowId: number, chunk: ReceivedChunk): boolean {
    return (this.#byId.get(subflowId)?.held.push(chunk) ?? 0) > 0;
  }

  /** What was read first and waits, of this subflow or of any. */
  takeHeld(subflowId?: number): { readonly id: number; readonly chunk: ReceivedChunk } | undefined {
    for (const [id, { held }] of this.#byId) {
      const chunk = subflowId === undefined || subflowId === id ? held.shift() : undefined;
      if (chunk !== undefined) return { id, chunk };
    }
    return undefined;
  }

  /** Undefined when it is gone. */
  linkOf(subflowId: number): SubflowLink | undefined {
    const attached = this.#byId.get(subflowId);
    if (attached === undefined) return undefined;
    const { transport, sinceMs, doubtReason } = attached;
    return {
      local: { host: transport.localAddress, port: transport.localPort },
      remote: { host: transport.remoteAddress, port: transport.remotePort },
      sinceMs,
      doubtReason,
    };
  }

  /** Writes what the session has for each transport that takes it. */
  write(): void {
    for (const [id, { transport, traffic }] of this.#byId) {
      const output = this.#session.subflows.takeOutput(id);
      if (output.length === 0) continue;
      for (const buffer of output) traffic.sentBytes += buffer.length;
      transport.write(output);
    }
  }

  /** Reads the kernel's figures of all of them into the session. */
  measure(): void {
    for (const [id, { transport }] of this.#byId) {
      const measurement = transport.measure();
      if (measurement !== undefined) this.#session.subflows.measured(id, measurement);
    }
  }

  /** The session is over: resolves when its last frame has left on each transport, or its time for that is up. */
  async end(isClosedByPeer: boolean): Promise<void> {
    const { subflows } = this.#session;
    this.setReading(true);
    const farewells = [...this.#byId].map(([id, { transport, held }]) => {
      for (const chunk of held.splice(0)) chunk.release();
      return farewell(transport, isClosedByPeer, () => {
        subflows.setWritable(id, true);
        return subflows.takeOutput(id);
      });
    });
    this.#byId.clear();
    await Promise.all(farewells);
  }
}
