import { isIP } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import type { SendListener } from '../../shared/runtime/udp/udp-socket.ts';
import type { OriginFlow } from './origin-flow.ts';
import { listenerFor, type OriginSocket, type OriginSocketHandlers, type SendDrop } from './origin-socket.ts';

/** Somebody who has written from a port that no flow of the association leads to. */
export interface Newcomer {
  readonly from: Destination;
  /** The address that the application knows. */
  readonly shown: string;
  /** The hosts that the application has asked for and that led to the address: that of the flow which is answered, or all. */
  readonly askedHosts: readonly string[];
  /** It answers a flow to a name: the application is to learn the address. */
  readonly isAnswer: boolean;
}

export interface AssociationOptions {
  readonly id: number;
  /** Rejects with StreamError. */
  openSocket(family: 4 | 6, handlers: OriginSocketHandlers): Promise<OriginSocket>;
  onDatagram(flow: OriginFlow, payload: Uint8Array): void;
  /** @returns the flow for it; undefined: what came is dropped */
  onNewcomer(newcomer: Newcomer): OriginFlow | undefined;
  /** The first answer in a flow that the client has begun. */
  onReached(): void;
  onUnreachable(flow: OriginFlow, error: ErrorName): void;
  onDropped(reason: SendDrop | 'unsolicited'): void;
}

/**
 * What an application sends from: one UDP port for each address family, whatever the destination (endpoint-independent mapping, RFC 4787
 * section 4.1). What comes from an address is handed on if one of the flows has sent to it (address-dependent filtering, section 5).
 */
export class Association {
  /** How long it has had no flow. */
  idleMs = 0;
  readonly #options: AssociationOptions;
  readonly #sockets = new Map<4 | 6, OriginSocket>();
  readonly #opening = new Map<4 | 6, Promise<void>>();
  /** And who hears of what the kernel does not take of them. */
  readonly #flows = new Map<OriginFlow, SendListener | undefined>();
  /** The flow that answers from there are handed on in, by address and port. */
  readonly #byRemote = new Map<string, OriginFlow>();
  /** Flows to names: their answers come in others. */
  readonly #named = new Map<string, OriginFlow>();
  /** The flows that have sent to an address, by the address. */
  readonly #contacts = new Map<string, Set<OriginFlow>>();
  #isClosed = false;

  constructor(options: AssociationOptions) {
    this.#options = options;
  }

  get id(): number {
    return this.#options.id;
  }

  get flows(): readonly OriginFlow[] {
    return [...this.#flows.keys()];
  }

  get isEmpty(): boolean {
    return this.#flows.size === 0;
  }

  /** Counts a flow of the client's as one of this association; it is heard once it has sent. */
  add(flow: OriginFlow): void {
    this.#flows.set(flow, undefined);
    this.idleMs = 0;
  }

  /** Adds a flow that has been begun for a newcomer. */
  addAnswering(flow: OriginFlow, from: Destination): void {
    this.add(flow);
    this.#byRemote.set(keyOf(from), flow);
  }

  /** Has a socket for what is sent in a family. Rejects with StreamError. */
  open(family: 4 | 6): Promise<void> {
    const opening = this.#opening.get(family) ?? this.#open(family);
    this.#opening.set(family, opening);
    return opening;
  }

  /** Its target must be known, and `open` for its family be done. */
  send(flow: OriginFlow, payload: Uint8Array): void {
    const { to } = flow.target!;
    flow.isActive = true;
    const listener = this.#flows.get(flow) ?? this.#contact(flow);
    this.#sockets.get(to.family)?.send(payload, to, listener);
  }

  /** The flow is over. */
  remove(flow: OriginFlow): void {
    if (!this.#flows.delete(flow) || flow.target === undefined) return;
    const { to } = flow.target;
    const key = keyOf(to);
    for (const flows of [this.#byRemote, this.#named]) if (flows.get(key) === flow) flows.delete(key);
    const contact = this.#contacts.get(to.host);
    contact?.delete(flow);
    if (contact?.size === 0) this.#contacts.delete(to.host);
  }

  close(): void {
    this.#isClosed = true;
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  async #open(family: 4 | 6): Promise<void> {
    const { openSocket, onDropped } = this.#options;
    try {
      const socket = await openSocket(family, {
        onDatagram: (payload, from) => this.#receive(payload, from),
        onUnreachable: (to, error) => this.#onUnreachable(to, error),
        onDropped,
      });
      if (this.#isClosed) socket.close();
      else this.#sockets.set(family, socket);
    } catch (error) {
      // Later there may be one.
      this.#opening.delete(family);
      throw error;
    }
  }

  /** The first datagram leaves: from now on the address may answer. */
  #contact(flow: OriginFlow): SendListener {
    flow.hasSent = true;
    const { to } = flow.target!;
    const contact = this.#contacts.get(to.host) ?? new Set();
    this.#contacts.set(to.host, contact.add(flow));
    const isNamed = isIP(flow.destination.host) === 0;
    (isNamed ? this.#named : this.#byRemote).set(keyOf(to), flow);
    const listener = listenerFor(to, {
      onUnreachable: (_, error) => this.#onUnreachable(to, error),
      onDropped: this.#options.onDropped,
    });
    this.#flows.set(flow, listener);
    return listener;
  }

  #receive(payload: Uint8Array, from: Destination): void {
    const { onDatagram, onDropped, onReached } = this.#options;
    const key = keyOf(from);
    const flow = this.#byRemote.get(key) ?? this.#welcome(from, key);
    if (flow === undefined) {
      if (!this.#contacts.has(from.host)) onDropped('unsolicited');
      return;
    }
    const asked = this.#named.get(key) ?? flow;
    if (!asked.hasReceived && asked.hasSent) onReached();
    asked.hasReceived = true;
    flow.isActive = true;
    onDatagram(flow, payload);
  }

  #welcome(from: Destination, key: string): OriginFlow | undefined {
    const answered = this.#named.get(key);
    const asked = answered === undefined ? [...(this.#contacts.get(from.host) ?? [])] : [answered];
    const [first] = asked;
    if (first === undefined) return undefined;
    const askedHosts = [...new Set(asked.map(({ askedHost }) => askedHost))];
    return this.#options.onNewcomer({
      ...{ from, askedHosts },
      shown: first.target!.shown,
      isAnswer: answered !== undefined,
    });
  }

  #onUnreachable(to: Destination, error: ErrorName): void {
    const key = keyOf(to);
    for (const flows of [this.#byRemote, this.#named]) {
      const flow = flows.get(key);
      if (flow !== undefined) this.#options.onUnreachable(flow, error);
    }
  }
}

function keyOf({ host, port }: Destination): string {
  return `${host} ${port}`;
}
