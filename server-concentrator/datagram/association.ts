import { isIP } from 'node:net';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import type { OriginFlow } from './origin-flow.ts';
import type { OriginSocket, OriginSocketHandlers, Remote, SendDrop } from './origin-socket.ts';

/** Somebody who has written from a port that no flow of the association leads to. */
export interface Newcomer {
  readonly from: Remote;
  /** The address that the application knows. */
  readonly shown: string;
  /** It answers a flow to a name: the application is to learn the address. */
  readonly isAnswer: boolean;
}

export interface AssociationOptions {
  readonly id: number;
  /** @returns undefined where there is no descriptor for it. Throws the system's error. */
  openSocket(family: 4 | 6, handlers: OriginSocketHandlers): OriginSocket | undefined;
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
  readonly #flows = new Set<OriginFlow>();
  /** The flow that answers from there are handed on in, by address and port. */
  readonly #byRemote = new Map<string, OriginFlow>();
  /** Flows to names: their answers come in others. */
  readonly #named = new Map<string, OriginFlow>();
  readonly #contacts = new Map<string, Contact>();

  constructor(options: AssociationOptions) {
    this.#options = options;
  }

  get id(): number {
    return this.#options.id;
  }

  get flows(): ReadonlySet<OriginFlow> {
    return this.#flows;
  }

  /** Counts a flow of the client's as one of this association; it is heard once it has sent. */
  add(flow: OriginFlow): void {
    this.#flows.add(flow);
    this.idleMs = 0;
  }

  /** Adds a flow that has been begun for a newcomer. */
  addAnswering(flow: OriginFlow, from: Remote): void {
    this.add(flow);
    this.#byRemote.set(keyOf(from), flow);
  }

  /** Its target must be known. @returns false where there is no socket for it. Throws the system's error. */
  send(flow: OriginFlow, payload: Uint8Array): boolean {
    const target = flow.target!;
    const socket = this.#sockets.get(target.family) ?? this.#open(target.family);
    if (socket === undefined) return false;
    flow.isActive = true;
    if (!flow.hasSent) this.#contact(flow);
    socket.send(payload, target);
    return true;
  }

  /** The flow is over. */
  remove(flow: OriginFlow): void {
    if (!this.#flows.delete(flow) || flow.target === undefined) return;
    const key = keyOf(flow.target);
    for (const flows of [this.#byRemote, this.#named]) if (flows.get(key) === flow) flows.delete(key);
    const contact = this.#contacts.get(flow.target.address);
    if (!flow.hasSent || contact === undefined) return;
    contact.flows--;
    if (contact.flows === 0) this.#contacts.delete(flow.target.address);
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #open(family: 4 | 6): OriginSocket | undefined {
    const { openSocket, onDropped } = this.#options;
    const socket = openSocket(family, {
      onDatagram: (payload, from) => this.#receive(payload, from),
      onUnreachable: (to, error) => this.#onUnreachable(to, error),
      onDropped,
    });
    if (socket !== undefined) this.#sockets.set(family, socket);
    return socket;
  }

  #contact(flow: OriginFlow): void {
    flow.hasSent = true;
    const { address, shown } = flow.target!;
    const contact = this.#contacts.get(address);
    if (contact === undefined) this.#contacts.set(address, { shown, flows: 1 });
    else contact.flows++;
    const isNamed = isIP(flow.destination.host) === 0;
    (isNamed ? this.#named : this.#byRemote).set(keyOf(flow.target!), flow);
  }

  #receive(payload: Uint8Array, from: Remote): void {
    const { onDatagram, onDropped, onReached } = this.#options;
    const key = keyOf(from);
    const flow = this.#byRemote.get(key) ?? this.#welcome(from, key);
    if (flow === undefined) {
      if (!this.#contacts.has(from.address)) onDropped('unsolicited');
      return;
    }
    const asked = this.#named.get(key) ?? flow;
    if (!asked.hasReceived && asked.hasSent) onReached();
    asked.hasReceived = true;
    flow.isActive = true;
    onDatagram(flow, payload);
  }

  #welcome(from: Remote, key: string): OriginFlow | undefined {
    const contact = this.#contacts.get(from.address);
    if (contact === undefined) return undefined;
    return this.#options.onNewcomer({ from, shown: contact.shown, isAnswer: this.#named.has(key) });
  }

  #onUnreachable(to: Remote, error: ErrorName): void {
    const key = keyOf(to);
    for (const flows of [this.#byRemote, this.#named]) {
      const flow = flows.get(key);
      if (flow !== undefined) this.#options.onUnreachable(flow, error);
    }
  }
}

interface Contact {
  readonly shown: string;
  /** That have sent there. */
  flows: number;
}

function keyOf({ address, port }: Remote): string {
  return `${address} ${port}`;
}
