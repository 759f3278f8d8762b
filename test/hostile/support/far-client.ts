import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { ClientHandshake } from '../../../shared/protocol/handshake/client-handshake.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import { SUBFLOW_TLS_OPTIONS, subflowExporter } from '../../../shared/runtime/subflow/subflow-tls.ts';
import type { LoneConcentrator } from './lone-concentrator.ts';

export interface FarClientOptions {
  readonly concentrator: LoneConcentrator;
  /** One of the concentrator's clients. */
  readonly name: string;
  /** Where it comes from. */
  readonly address: string;
  /** One way. */
  readonly delayMs: number;
}

/** How a client got in. */
export interface Reconnection {
  /** From its first attempt until its JOIN or HELLO was answered; infinite when it never was. */
  readonly tookMs: number;
  readonly attempts: number;
}

/** As the client program's by default. */
const DIAL_LIMIT_MS = 5_000;
const REDIAL_MS = 500;
const GIVE_UP_MS = 4_000;

/** A client that is some way off. All that it says, and all that it hears, is late; the TCP connection alone is there at once. */
export class FarClient {
  readonly #options: FarClientOptions;
  #token: Uint8Array | undefined;
  #nextSubflowId = 1;

  constructor(options: FarClientOptions) {
    this.#options = options;
  }

  /** Opens a session, so that later connections are JOINs to it. Its first subflow goes again. */
  async begin(): Promise<void> {
    const { token, socket } = await this.#dial();
    this.#token = token;
    socket.destroy();
  }

  /** Connects, and redials as the client program does, until it is in; then it leaves again. */
  async reconnect(): Promise<Reconnection> {
    const startMs = performance.now();
    for (let attempts = 1; ; attempts++) {
      try {
        const { socket } = await this.#dial();
        const tookMs = performance.now() - startMs;
        socket.destroy();
        return { tookMs, attempts };
      } catch {
        if (performance.now() - startMs > GIVE_UP_MS) return { tookMs: Number.POSITIVE_INFINITY, attempts };
        await sleep(REDIAL_MS);
      }
    }
  }

  async #dial(): Promise<{ socket: TLSSocket; token: Uint8Array | undefined }> {
    const { concentrator, address, delayMs } = this.#options;
    const { host, port } = concentrator;
    const signal = AbortSignal.timeout(DIAL_LIMIT_MS);
    const tcp = connect({ host, port, localAddress: address });
    tcp.on('error', () => {});
    const socket = connectTls({
      ...SUBFLOW_TLS_OPTIONS,
      socket: late(tcp, delayMs),
      rejectUnauthorized: false,
    });
    socket.on('error', () => {});
    // As after a handshake that failed: no more of this.
    tcp.once('close', () => socket.destroy());
    try {
      await Promise.race([once(socket, 'secureConnect', { signal }), closed(socket)]);
      return { socket, token: await this.#greet(socket, signal) };
    } catch (error) {
      socket.destroy();
      tcp.destroy();
      throw error;
    }
  }

  async #greet(socket: TLSSocket, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { concentrator, name: id } = this.#options;
    const token = this.#token;
    const handshake = new ClientHandshake({
      crypto: nodeHandshakeCrypto,
      identity: { id, key: concentrator.keys.get(id)! },
      exporter: subflowExporter(socket),
      uplinkName: 'far',
      backup: false,
      intent:
        token === undefined ? { kind: 'hello' } : { kind: 'join', token, subflowId: this.#nextSubflowId++ },
    });
    socket.write(handshake.request);
    for (;;) {
      const [bytes] = (await Promise.race([once(socket, 'data', { signal }), closed(socket)])) as [Buffer];
      const result = handshake.receive(bytes);
      if (result !== undefined) return result.welcome?.token;
    }
  }
}

async function closed(socket: TLSSocket): Promise<never> {
  if (!socket.closed) await once(socket, 'close');
  throw new Error('closed');
}

/** A connection whose bytes are late, both ways. */
function late(tcp: Socket, delayMs: number): Duplex {
  const stream = new Duplex({
    read() {},
    write(bytes, _encoding, done) {
      setTimeout(() => {
        if (!tcp.destroyed) tcp.write(bytes);
      }, delayMs);
      done();
    },
    destroy(error, done) {
      tcp.destroy();
      done(error);
    },
  });
  tcp.on('data', (bytes) => setTimeout(() => stream.push(bytes), delayMs));
  tcp.once('close', () => setTimeout(() => stream.destroy(), delayMs));
  return stream;
}
