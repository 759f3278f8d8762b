import { readdir } from 'node:fs/promises';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { ERROR_CODE } from '../../../shared/protocol/errors.ts';
import type { Pair } from '../../end-to-end/support/pair.ts';
import { RogueClient } from '../../end-to-end/support/subflow-client.ts';

/** OPENs that all sessions send in a second: several times what any limit lets through. */
const OPENS_PER_SECOND = 600;
const BATCH_MS = 20;

export interface StormOptions {
  readonly sessions: number;
  /** Streams of one session at a time; the oldest is reset for a further one. */
  readonly streams: number;
  /** What the n-th stream asks for. */
  destination(index: number): Destination;
}

/** A client that opens as fast as it can, in several sessions, and gives up what is oldest. */
export class OpenStorm {
  readonly #clients: readonly RogueClient[];
  readonly #timer: NodeJS.Timeout;
  /** OPENs sent. */
  sent = 0;

  private constructor(clients: readonly RogueClient[], { streams, destination }: StormOptions) {
    this.#clients = clients;
    const receipts = clients.map(receiptsOf);
    const batch = Math.ceil((OPENS_PER_SECOND * BATCH_MS) / 1_000 / clients.length);
    let nextId = 0;
    this.#timer = setInterval(() => {
      const frames: Uint8Array[] = [];
      for (let i = 0; i < batch; i++, nextId++) {
        const oldest = nextId - streams;
        if (oldest >= 0) {
          frames.push(encodeControl({ type: 'reset', streamId: oldest, code: ERROR_CODE.cancelled }));
        }
        const open = { type: 'open', streamId: nextId, limit: 65_536, mode: 0 } as const;
        frames.push(encodeControl({ ...open, ...destination(nextId) }));
      }
      for (const [i, { socket }] of clients.entries())
        socket.write(Buffer.concat([receipts[i]!(), ...frames]));
      this.sent += batch * clients.length;
    }, BATCH_MS);
  }

  static async start(pair: Pair, clientId: string, options: StormOptions): Promise<OpenStorm> {
    const identity = pair.identityOf(clientId);
    const connecting = Array.from({ length: options.sessions }, () => RogueClient.connect(pair, identity));
    return new OpenStorm(await Promise.all(connecting), options);
  }

  /** Whether its sessions are still up. */
  get isAlive(): boolean {
    return this.#clients.every(({ socket }) => !socket.destroyed);
  }

  /** Ends its sessions, and with them all that they have asked for. */
  stop(): void {
    clearInterval(this.#timer);
    for (const { socket } of this.#clients) {
      socket.end(encodeControl({ type: 'close', code: ERROR_CODE.cancelled }));
    }
  }
}

/** What a client has to say for its session to live: how much has arrived. */
function receiptsOf({ socket, restBytes }: RogueClient): () => Uint8Array {
  let bytes = restBytes;
  socket.on('data', (data: Buffer) => {
    bytes += data.length;
  });
  return () => encodeControl({ type: 'receipt', entries: [{ subflowId: 0, delayMicroseconds: 0, bytes }] });
}

/** The most descriptors that a process had since the watch began. */
export class DescriptorWatch {
  readonly #timer: NodeJS.Timeout;
  most = 0;

  constructor(pid: number) {
    this.#timer = setInterval(async () => {
      this.most = Math.max(this.most, await descriptorsOf(pid));
    }, 50);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** How many descriptors a process has; 0 when it is gone. */
export async function descriptorsOf(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`).catch(() => [])).length;
}
