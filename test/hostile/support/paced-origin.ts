import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Destination } from '../../../shared/protocol/destination.ts';
import { startOrigin } from '../../end-to-end/support/origin.ts';

/** 3 MB/s: enough to be at work all the time, and little for a busy machine. */
const PIECE_BYTES = 32 * 1024;
const INTERVAL_MS = 10;

/** What was sent to somebody. */
interface Sent {
  readonly sha256: string;
  readonly length: number;
}

export interface PacedOrigin extends Destination {
  /** Ends the connection of the first who connected. @returns what it has sent there */
  finish(): Promise<Sent>;
  close(): Promise<void>;
}

/** An origin that sends to everybody who connects, at a steady pace, until it is told to finish. */
export async function startPacedOrigin(): Promise<PacedOrigin> {
  const finishers: (() => Promise<Sent>)[] = [];
  const origin = await startOrigin((socket) => void finishers.push(sendSteadily(socket)));
  return {
    host: origin.host,
    port: origin.port,
    finish: () => finishers[0]!(),
    close: () => origin.close(),
  };
}

/** @returns ends it */
function sendSteadily(socket: Socket): () => Promise<Sent> {
  const hash = createHash('sha256');
  let length = 0;
  const timer = setInterval(() => {
    // Who does not read gets nothing more.
    if (socket.writableNeedDrain) return;
    const piece = randomBytes(PIECE_BYTES);
    hash.update(piece);
    length += piece.length;
    socket.write(piece);
  }, INTERVAL_MS);
  socket.once('close', () => clearInterval(timer));
  return async () => {
    clearInterval(timer);
    socket.end();
    await once(socket, 'finish');
    return { sha256: hash.digest('hex'), length };
  };
}
