import { createConnection } from 'node:net';
import type { ProxyAddress } from './setting-store.ts';

/** A client of this machine answers in milliseconds, and on a machine that is very busy in seconds. */
const LIMIT_MS = 5_000;
/** SOCKS5, with one method: no authentication (RFC 1928, section 3). */
const GREETING = Buffer.of(5, 1, 0);
const ACCEPTED = Buffer.of(5, 0);

/** Whether a SOCKS5 proxy answers at an address that asks for no password. */
export function takesSocks({ host, port }: ProxyAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: LIMIT_MS });
    let answer: Buffer = Buffer.alloc(0);
    const end = () => {
      socket.destroy();
      resolve(answer.equals(ACCEPTED));
    };
    socket.once('connect', () => socket.write(GREETING));
    socket.on('data', (bytes: Buffer) => {
      answer = Buffer.concat([answer, bytes]);
      if (answer.length >= ACCEPTED.length) end();
    });
    for (const event of ['timeout', 'error', 'close'] as const) socket.once(event, end);
  });
}
