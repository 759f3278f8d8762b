import type { Socket } from 'node:net';
import { monotonicMs } from './arrivals.ts';
import { patternAt } from './pattern.ts';

const EVERY_MS = 20;

/** Writes `bytes` of the pattern from offset `key` on, no faster than the rate, and calls `done`; or until the socket closes. */
export function writePaced(
  socket: Socket,
  key: number,
  bytes: number,
  rateMbps: number,
  done: () => void,
): void {
  const startMs = monotonicMs();
  let sent = 0;
  const timer = setInterval(more, EVERY_MS);
  socket.once('close', () => clearInterval(timer));
  more();

  function more(): void {
    const due = Math.min(bytes, ((monotonicMs() - startMs) * rateMbps * 1000) / 8);
    // What the socket does not take waits in its buffer: at most all of it.
    while (sent < Math.floor(due)) {
      const chunk = patternAt(key + sent, Math.floor(due) - sent);
      sent += chunk.length;
      socket.write(chunk);
    }
    if (sent < bytes) return;
    clearInterval(timer);
    done();
  }
}
