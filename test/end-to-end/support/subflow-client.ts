import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import type { ControlFrame } from '../../../shared/protocol/codec/frame.ts';
import { FrameParser } from '../../../shared/protocol/codec/frame-parser.ts';
import { ClientHandshake } from '../../../shared/protocol/handshake/client-handshake.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import {
  SUBFLOW_ALPN,
  SUBFLOW_TLS_OPTIONS,
  subflowExporter,
} from '../../../shared/runtime/subflow/subflow-tls.ts';
import type { Pair } from './pair.ts';

/** What of a pair a client of its concentrator needs. */
export type Target = Pick<Pair, 'subflows' | 'clientId' | 'clientKey'>;

/** TLS to the pair's concentrator, as a client has it, and not a byte in it. @param localAddress another one on loopback */
export async function openTls(
  pair: Pick<Target, 'subflows'>,
  alpn = SUBFLOW_ALPN,
  localAddress?: string,
): Promise<TLSSocket> {
  const socket = connect({
    ...SUBFLOW_TLS_OPTIONS,
    ...pair.subflows,
    ...(localAddress === undefined ? {} : { localAddress }),
    rejectUnauthorized: false,
    ALPNProtocols: [alpn],
  });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

/** The HELLO for one connection; of another client, or with another key, where told. */
export function helloFor(socket: TLSSocket, pair: Target, identity: { id?: string; key?: Uint8Array } = {}) {
  return new ClientHandshake({
    crypto: nodeHandshakeCrypto,
    identity: { id: pair.clientId, key: pair.clientKey, ...identity },
    exporter: subflowExporter(socket),
    uplinkName: 'test',
    backup: false,
    intent: { kind: 'hello' },
  });
}

/** A client that has proven its key and from then on says what it likes. */
export class RogueClient {
  readonly socket: TLSSocket;
  /** What the concentrator said since WELCOME, DATA left out. */
  readonly frames: ControlFrame[] = [];
  /** Bytes that came together with WELCOME, behind it. */
  restBytes = 0;
  readonly #parser = new FrameParser();
  readonly #waiting = new Set<() => void>();

  private constructor(socket: TLSSocket) {
    this.socket = socket;
  }

  /** @param identity another client than the target's own */
  static async connect(pair: Target, identity: { id?: string; key?: Uint8Array } = {}): Promise<RogueClient> {
    const socket = await openTls(pair);
    const client = new RogueClient(socket);
    const handshake = helloFor(socket, pair, identity);
    await new Promise<void>((resolve, reject) => {
      let isWelcome = false;
      socket.once('close', () => reject(new Error('closed before WELCOME')));
      socket.on('data', (bytes: Buffer) => {
        if (isWelcome) return client.#receive(bytes);
        const result = handshake.receive(bytes);
        if (result === undefined) return;
        isWelcome = true;
        client.restBytes = result.rest.length;
        client.#receive(result.rest);
        resolve();
      });
      socket.write(handshake.request);
    });
    socket.on('close', () => {
      for (const wake of client.#waiting) wake();
    });
    return client;
  }

  /** The next frame of a type, or the end of the connection without one. */
  async next<Type extends ControlFrame['type']>(type: Type): Promise<Extract<ControlFrame, { type: Type }>> {
    for (;;) {
      const at = this.frames.findIndex((frame) => frame.type === type);
      if (at >= 0) return this.frames.splice(at, 1)[0] as Extract<ControlFrame, { type: Type }>;
      if (this.socket.destroyed) throw new Error(`the connection ended without ${type}`);
      await new Promise<void>((resolve) => {
        const done = () => {
          this.#waiting.delete(done);
          resolve();
        };
        this.#waiting.add(done);
      });
    }
  }

  #receive(bytes: Uint8Array): void {
    this.#parser.push(bytes, { onData: () => {}, onControl: (frame) => this.frames.push(frame) });
    for (const wake of [...this.#waiting]) wake();
  }
}
