import {
  type AuthenticatedRequest,
  ConcentratorHandshake,
} from '../../../shared/protocol/handshake/concentrator-handshake.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import type {
  SubflowTransport,
  SubflowTransportHandlers,
} from '../../../shared/runtime/subflow/subflow-transport.ts';

/** The client's. */
export const KEY = new Uint8Array(32).fill(7);
const EXPORTER = new Uint8Array(32);

/** A subflow to a concentrator that takes every handshake, and says nothing after it but what the test lets it say. */
export class Answered implements SubflowTransport {
  readonly remoteAddress = '192.0.2.1';
  readonly remotePort = 8443;
  readonly localPort = 1;
  readonly exporter = EXPORTER;
  readonly congestionControl = undefined;
  readonly localAddress: string;
  /** Of the session that it welcomes to. */
  token = new Uint8Array(16);
  /** Whether it knows which HELLOs begin one session. */
  knowsFounding = true;
  /** The server name that it wants for JOIN. */
  joinName: string | undefined;
  /** How the client introduced itself. */
  request: 'hello' | 'join' | undefined;
  isOpen = true;
  /** What was written behind the handshake. */
  readonly written: Uint8Array[] = [];
  /** It swallows what it is told. */
  isDeaf = false;
  #handlers: SubflowTransportHandlers | undefined;
  isGreeted = false;
  #request: AuthenticatedRequest | undefined;
  readonly #handshake = new ConcentratorHandshake({
    crypto: nodeHandshakeCrypto,
    exporter: EXPORTER,
    keysOf: () => [KEY],
  });

  constructor(localAddress: string) {
    this.localAddress = localAddress;
  }

  setHandlers(handlers: SubflowTransportHandlers): void {
    this.#handlers = handlers;
  }

  write(buffers: readonly Uint8Array[]): void {
    const request = this.isGreeted ? undefined : this.#handshake.receive(Buffer.concat(buffers));
    this.isGreeted = true;
    if (request === undefined) this.written.push(Buffer.concat(buffers));
    this.#request = request ?? this.#request;
    this.request = this.#request?.kind;
    if (!this.isDeaf) this.#answer(request);
  }

  /** It has got what it had swallowed. */
  hear(): void {
    this.isDeaf = false;
    this.#answer(this.#request);
  }

  #answer(request: AuthenticatedRequest | undefined): void {
    setImmediate(() => {
      this.#handlers?.onWritable();
      if (request === undefined) return;
      const { token, joinName } = this;
      const founding = request.kind === 'hello' && this.knowsFounding ? request.hello.founding : undefined;
      const limits = { maxStreams: 16, firstWindowBytes: 65_536, lingerMs: 60_000, maxSubflows: 32 };
      const answer =
        request.kind === 'hello'
          ? this.#handshake.welcome({ token, subflowId: founding?.subflowId, joinName, ...limits })
          : this.#handshake.joined();
      this.#handlers?.onBytes(new OwnBytes(answer));
    });
  }

  /** What the concentrator says now. */
  say(bytes: Uint8Array): void {
    this.#handlers?.onBytes(new OwnBytes(bytes));
  }

  measure(): undefined {}

  setReading(): void {}

  destroy(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    setImmediate(() => this.#handlers?.onClose());
  }
}
