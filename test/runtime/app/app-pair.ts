import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { OutgoingChunk } from '../../../shared/protocol/memory/chunk.ts';
import type { AppSocket } from '../../../shared/runtime/app/app-socket.ts';
import { acceptAppSockets } from '../../../shared/runtime/app/app-socket-listener.ts';
import { BlockPool } from '../../../shared/runtime/app/block-pool.ts';
import { deferred } from '../../support/deferred.ts';

export interface AppPair {
  readonly app: AppSocket;
  readonly peer: Socket;
  readonly pool: BlockPool;
  close(): void;
}

/** An accepted `AppSocket` and Node's own socket at the other end, over loopback. */
export async function appPair(
  options: { pool?: BlockPool; takeAccepted?: () => boolean } = {},
): Promise<AppPair> {
  const pool = options.pool ?? new BlockPool(() => performance.now());
  const accepted = deferred<AppSocket>();
  const listener = await acceptAppSockets({
    host: '127.0.0.1',
    port: 0,
    pool,
    onSocket: accepted.resolve,
    onError: accepted.reject,
    ...(options.takeAccepted ? { takeAccepted: options.takeAccepted } : {}),
  });
  const peer = connect({ ...listener.address(), allowHalfOpen: true });
  await once(peer, 'connect');
  const app = await accepted.promise;
  return {
    app,
    peer,
    pool,
    close: () => {
      peer.destroy();
      app.destroy();
      listener.close();
    },
  };
}

/** Handlers that keep what they see. */
export class Recorder {
  readonly chunks: OutgoingChunk[] = [];
  ended = 0;
  closed = 0;
  error: Error | undefined;
  readonly end = deferred<void>();
  readonly close = deferred<void>();
  onChunk(chunk: OutgoingChunk): void {
    this.chunks.push(chunk);
  }
  onEnd(): void {
    this.ended += 1;
    this.end.resolve();
  }
  onDrain(): void {}
  onClose(error?: Error): void {
    this.closed += 1;
    this.error = error;
    this.close.resolve();
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks.map((chunk) => chunk.bytes));
  }
}

/** Bytes in which every offset is recognisable, from a seed. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed >>> 0;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** Collects until the peer has finished sending. */
export async function readAll(peer: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  peer.on('data', (piece) => pieces.push(piece));
  await once(peer, 'end');
  return Buffer.concat(pieces);
}
