import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { type ControlFrame, encodeControl, writeDataHeader } from '../../../shared/protocol/codec/frame.ts';
import { DATA_HEADER_BYTES } from '../../../shared/protocol/codec/wire.ts';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { ClientHandshake, type ClientIdentity } from '../../../shared/protocol/handshake/client-handshake.ts';
import { frameOfPolicy } from '../../../shared/protocol/steering/policy-frame.ts';
import type { SteeringPolicy } from '../../../shared/protocol/steering/steering-policy.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import { subflowExporter } from '../../../shared/runtime/subflow/subflow-tls.ts';
import type { Pair } from '../../end-to-end/support/pair.ts';
import { openTls } from '../../end-to-end/support/subflow-client.ts';

/** Below the rate at which a concentrator takes JOINs of one client. */
const JOIN_INTERVAL_MS = 70;
/** One write of a flood. */
const FLOOD_BYTES = 64 * 1024;

/**
 * A client with a valid key that uses what a session allows to make the concentrator work: many subflows, streams with
 * policies of their own, nothing receipted but a byte now and then, and frames as small as there are.
 */
export class BusyClient {
  readonly #subflows: { readonly socket: TLSSocket; receivedBytes: number; receiptedBytes: number }[] = [];
  #isFlooding = false;
  #ticker: NodeJS.Timeout | undefined;

  /** One session with so many subflows, each of an uplink of its own. */
  static async connect(pair: Pair, identity: ClientIdentity, subflows: number): Promise<BusyClient> {
    const client = new BusyClient();
    const token = await client.#add(pair, identity, 0, undefined);
    for (let id = 1; id < subflows; id++) {
      await sleep(JOIN_INTERVAL_MS);
      await client.#add(pair, identity, id, token);
    }
    // Never silent for long, so that no subflow comes into doubt, and never enough to forget anything.
    client.#ticker = setInterval(() => client.#receiptOneByte(), 40);
    return client;
  }

  /** Opens streams to an origin that says something at once, and steers each in a way of its own. */
  async open(count: number, origin: Destination, policyOf: (id: number) => SteeringPolicy): Promise<void> {
    for (let id = 0; id < count; id++) {
      const { host, port } = origin;
      this.#say({ type: 'open', streamId: id, limit: 2 ** 40, mode: 0, host, port });
      this.#say(frameOfPolicy(policyOf(id), id, 1));
      if (id % 10 === 9) await sleep(JOIN_INTERVAL_MS);
    }
  }

  /** From now on all subflows are full of small frames. */
  flood(): void {
    this.#isFlooding = true;
    const bytes = smallFrames();
    for (const { socket } of this.#subflows) this.#pump(socket, bytes);
  }

  pause(): void {
    this.#isFlooding = false;
  }

  close(): void {
    this.#isFlooding = false;
    clearInterval(this.#ticker);
    for (const { socket } of this.#subflows) socket.destroy();
  }

  get isConnected(): boolean {
    return this.#subflows.some(({ socket }) => !socket.destroyed);
  }

  #pump(socket: TLSSocket, bytes: Uint8Array): void {
    if (!this.#isFlooding || socket.destroyed) return;
    socket.write(bytes, () => this.#pump(socket, bytes));
  }

  #say(frame: ControlFrame): void {
    this.#subflows[0]!.socket.write(encodeControl(frame));
  }

  #receiptOneByte(): void {
    for (const [subflowId, subflow] of this.#subflows.entries()) {
      if (subflow.receiptedBytes === subflow.receivedBytes) continue;
      const bytes = ++subflow.receiptedBytes;
      this.#say({ type: 'receipt', entries: [{ subflowId, delayMicroseconds: 0, bytes }] });
    }
  }

  async #add(
    pair: Pair,
    identity: ClientIdentity,
    subflowId: number,
    token: Uint8Array | undefined,
  ): Promise<Uint8Array | undefined> {
    const socket = await openTls(pair);
    const handshake = new ClientHandshake({
      crypto: nodeHandshakeCrypto,
      identity,
      exporter: subflowExporter(socket),
      uplinkName: `u${subflowId}`,
      backup: false,
      intent: token === undefined ? { kind: 'hello' } : { kind: 'join', token, subflowId },
    });
    socket.write(handshake.request);
    let result: ReturnType<ClientHandshake['receive']>;
    while (result === undefined) {
      const [bytes] = (await once(socket, 'data')) as [Buffer];
      result = handshake.receive(bytes);
    }
    const subflow = { socket, receivedBytes: result.rest.length, receiptedBytes: 0 };
    socket.on('data', ({ length }: Buffer) => {
      subflow.receivedBytes += length;
    });
    this.#subflows.push(subflow);
    return result.welcome?.token;
  }
}

/** Frames that a session takes at any time, and that change nothing. */
function smallFrames(): Uint8Array {
  const repeated = new Uint8Array(DATA_HEADER_BYTES + 1);
  writeDataHeader(repeated, 0, 0, 0, 1, false);
  const kinds = [
    encodeControl({ type: 'ping' }),
    encodeControl({ type: 'window', streamId: 1, ack: 0, limit: 1 }),
    encodeControl(frameOfPolicy({ mode: 'weighted', weights: { u0: 1, u1: 2 } }, 1, 1)),
    repeated,
  ];
  const frames: Uint8Array[] = [];
  for (let bytes = 0, i = 0; bytes < FLOOD_BYTES; i++) {
    const frame = kinds[i % kinds.length]!;
    frames.push(frame);
    bytes += frame.length;
  }
  return Buffer.concat(frames);
}
