/**
 * A relay made of Node's own parts, as one writes it in an hour; for comparison.
 *
 *   relay near PORT FAR_PORT       TCP in, TLS out
 *   relay far PORT ORIGIN_PORT     TLS in, TCP out
 */
import { connect, createServer, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { generate } from 'selfsigned';

const HOST = '127.0.0.1';
/** As the pair prefers where the processor computes AES. */
const TLS = { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' } as const;

const [side, port, next] = process.argv.slice(2);
const from = { host: HOST, port: Number(port) };
const to = { host: HOST, port: Number(next) };
if (side === 'near') {
  createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    join(socket, connectTls({ ...to, ...TLS, rejectUnauthorized: false, allowHalfOpen: true } as object));
  }).listen(from);
} else {
  const made = await generate([{ name: 'commonName', value: 'relay' }], { keyType: 'ec', curve: 'P-256' });
  createTlsServer(
    { ...TLS, cert: made.cert, key: made.private, noDelay: true, allowHalfOpen: true },
    (socket) => {
      join(socket, connect({ ...to, noDelay: true, allowHalfOpen: true }));
    },
  ).listen(from);
}

function join(near: Socket, far: Socket): void {
  far.setNoDelay(true);
  near.pipe(far).pipe(near);
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    one.on('error', () => {});
    one.on('close', () => other.destroy());
  }
}
