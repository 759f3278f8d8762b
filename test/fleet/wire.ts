import type { KernelMeasurement } from '../../shared/protocol/kernel-measurement.ts';
import { OwnBytes } from '../../shared/protocol/memory/chunk.ts';
import type {
  SubflowTransport,
  SubflowTransportHandlers,
} from '../../shared/runtime/subflow/subflow-transport.ts';
import type { VirtualClock } from '../simulation/clock.ts';

const EXPORTER = new Uint8Array(32);
const PORT = 8443;

/** One end of a {@link Wire}. */
class WireEnd implements SubflowTransport {
  readonly exporter = EXPORTER;
  readonly congestionControl = undefined;
  readonly remotePort = PORT;
  readonly localPort = PORT;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly #wire: Wire;
  #handlers: SubflowTransportHandlers | undefined;
  /** What came before anybody listened. */
  #early: Uint8Array[] = [];
  isOpen = true;

  constructor(wire: Wire, localAddress: string, remoteAddress: string) {
    this.#wire = wire;
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
  }

  setHandlers(handlers: SubflowTransportHandlers): void {
    this.#handlers = handlers;
    const early = this.#early;
    this.#early = [];
    if (early.length === 0) return;
    setImmediate(() => {
      for (const bytes of early) this.receive(bytes);
    });
  }

  write(buffers: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(buffers);
    this.#wire.carry(this, (other) => other.receive(bytes));
    setImmediate(() => this.isOpen && this.#handlers?.onWritable());
  }

  receive(bytes: Uint8Array): void {
    if (!this.isOpen) return;
    if (this.#handlers === undefined) this.#early.push(bytes);
    else this.#handlers.onBytes(new OwnBytes(bytes));
  }

  setReading(): void {}

  measure(): KernelMeasurement | undefined {
    return undefined;
  }

  destroy(): void {
    if (!this.isOpen) return;
    this.#wire.carry(this, (other) => other.hearEnd());
    this.hearEnd();
  }

  hearEnd(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#wire.onEnd();
    setImmediate(() => this.#handlers?.onClose());
  }
}

/** A connection between a client and a machine of the fleet, the handshake of TCP done: whole, in order, and late by the path's delay. */
export class Wire {
  readonly client: WireEnd;
  readonly machine: WireEnd;
  /** One way. */
  readonly delayMs: number;
  readonly #clock: VirtualClock;
  readonly #onGone: (wire: Wire) => void;
  #isSilent = false;

  /** @param onGone both ends have heard of its end */
  constructor(clock: VirtualClock, delayMs: number, clientAddress: string, onGone: (wire: Wire) => void) {
    this.#clock = clock;
    this.delayMs = delayMs;
    this.#onGone = onGone;
    this.client = new WireEnd(this, clientAddress, FLEET_ADDRESS);
    this.machine = new WireEnd(this, FLEET_ADDRESS, clientAddress);
  }

  /** Both ends are open. */
  get isOpen(): boolean {
    return this.client.isOpen && this.machine.isOpen;
  }

  /** To the other end of this one. */
  carry(from: WireEnd, deliver: (to: WireEnd) => void): void {
    if (this.#isSilent) return;
    const to = from === this.client ? this.machine : this.client;
    this.#clock.after(this.delayMs, () => {
      if (!this.#isSilent || to === this.client) deliver(to);
    });
  }

  onEnd(): void {
    if (!this.client.isOpen && !this.machine.isOpen) this.#onGone(this);
  }

  /** The machine's power is gone: nothing comes or goes, and only whoever is in front of it may say so. */
  losePower(): void {
    this.#isSilent = true;
    this.machine.hearEnd();
  }

  /** The balancer closes the client's connection. */
  closeForClient(): void {
    this.#clock.after(this.delayMs, () => this.client.hearEnd());
  }
}

/** Where the clients find the fleet: of the documentation range, as nothing is sent anywhere. */
export const FLEET_ADDRESS = '198.51.100.1';
export const FLEET_PORT = PORT;
