import { createConnection } from 'node:net';
import type { ProxyAddress } from './setting-store.ts';

/** A client of this machine answers in milliseconds, and on a machine that is very busy in seconds. */
const LIMIT_MS = 5_000;
/** SOCKS5, with one method: no authentication (RFC 1928, section 3). */
const GREETING = Buffer.of(5, 1, 0);
const ACCEPTED = Buffer.of(5, 0);
/** For no proxy: it is refused, in HTTP. */
const REQUEST = Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
const IN_HTTP = Buffer.from('HTTP/1.');

/** Whether a proxy answers at an address by SOCKS5 without a password and by HTTP, as desktops are told of it. */
export async function takesProxies(address: ProxyAddress): Promise<boolean> {
  return (await answers(address, GREETING, ACCEPTED)) && (await answers(address, REQUEST, IN_HTTP));
}

/** Whether what comes for these bytes begins so. */
function answers({ host, port }: ProxyAddress, question: Buffer, beginning: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: LIMIT_MS });
    let answer: Buffer = Buffer.alloc(0);
    const end = () => {
      socket.destroy();
      resolve(answer.subarray(0, beginning.length).equals(beginning));
    };
    socket.once('connect', () => socket.write(question));
    socket.on('data', (bytes: Buffer) => {
      answer = Buffer.concat([answer, bytes]);
      if (answer.length >= beginning.length) end();
    });
    for (const event of ['timeout', 'error', 'close'] as const) socket.once(event, end);
  });
}
