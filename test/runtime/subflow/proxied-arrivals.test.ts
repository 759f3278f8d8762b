import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SUBFLOW_ALPN } from '../../../shared/runtime/subflow/subflow-tls.ts';
import { hex } from '../../protocol/support.ts';
import { bench, dial, drain, native, rawClient } from './subflow-bench.ts';

const HEADER = hex('0d0a0d0a000d0a515549540a 21 11 000c cb007109 c6336407 c350 01bb');
const UNSPEC = hex('0d0a0d0a000d0a515549540a 21 00 0000');
const UNIX = hex(`0d0a0d0a000d0a515549540a 21 31 00d8 ${'2f'.repeat(216)}`);
const UNKNOWN = Buffer.from('PROXY UNKNOWN\r\n');
const LOCAL = hex('0d0a0d0a000d0a515549540a 20 00 0000');
const behind = { isBalancer: (address: string) => address === '127.0.0.1' };

/** TLS over a connection that begins with these pieces, a moment between one and the next. */
async function dialBehind(port: number, pieces: readonly Uint8Array[]) {
  const socket = await rawClient(port);
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const secured = secure(socket);
  await once(secured, 'secureConnect');
}

/** TLS whose first bytes come together with the header. */
async function dialInOnePiece(port: number, header: Uint8Array): Promise<void> {
  const socket = await rawClient(port);
  socket.cork();
  socket.write(header);
  secure(socket);
  setImmediate(() => socket.uncork());
}

function secure(socket: Socket): TLSSocket {
  const secured = connectTls({ socket, ALPNProtocols: [SUBFLOW_ALPN], rejectUnauthorized: false });
  secured.on('error', () => {});
  onTestFinished(() => void secured.destroy());
  return secured;
}

/** A client of the balancer that has not begun TLS yet. */
async function knock(port: number, header: Uint8Array): Promise<void> {
  const socket = await rawClient(port);
  socket.on('error', () => {});
  socket.write(header);
}

describe('behind a load balancer', () => {
  test.each([
    ['at once', [HEADER]],
    ['byte by byte', [...HEADER].map((byte) => Uint8Array.of(byte))],
    ['as a line', [Buffer.from('PROXY TCP4 203.0.113.9 198.51.100.7 50000 443\r\n')]],
  ])('a subflow is that of the client whom the header names, which comes %s', async (_how, pieces) => {
    const { port, subflow } = await bench(behind);
    await dialBehind(port, pieces);
    const transport = await subflow.promise;
    expect(transport.remoteAddress).toBe('203.0.113.9');
    // The kernel's figures would be about the way to the balancer.
    expect(transport.measure()).toBeUndefined();
    expect(transport.congestionControl).toBeUndefined();
  });

  test.each([
    ['version 1, UNKNOWN', UNKNOWN],
    ['version 1, UNKNOWN with addresses', Buffer.from('PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n')],
    ['version 2, UNSPEC', UNSPEC],
    ['version 2, a Unix socket', UNIX],
  ])('a subflow of nobody that the balancer knows is served as its own: %s', async (_what, header) => {
    for (const isAtOnce of [false, true]) {
      const { port, subflow, failures } = await bench(behind);
      if (isAtOnce) await dialInOnePiece(port, header);
      else await dialBehind(port, [header]);
      const transport = await subflow.promise;
      expect(transport.remoteAddress).toBe('127.0.0.1');
      // The way beyond the balancer is not the kernel's here.
      expect(transport.measure()).toBeUndefined();
      expect(failures).toEqual([]);
    }
  });

  test('the header may come in one piece with the first bytes of TLS', async () => {
    const { port, subflow } = await bench(behind);
    await dialInOnePiece(port, HEADER);
    expect((await subflow.promise).remoteAddress).toBe('203.0.113.9');
  });

  test('places are shared among the clients, not among balancers', async () => {
    const { port, failures } = await bench({ ...behind, maxPlaces: { silent: 4, line: 4, tls: 4 } });
    const client = (host: number) => Buffer.from(`PROXY TCP4 203.0.${host}.9 198.51.100.7 50000 443\r\n`);
    for (const host of [1, 2, 3, 4]) await knock(port, client(host));
    await dialBehind(port, [client(5)]);
    await expect.poll(() => failures).toHaveLength(1);
    expect(failures[0]).toMatch(/^203\.0\.\d\.9 gave way to a newer connection$/);
  });

  test('others come without a header, and may not bring one', async () => {
    const { port, subflow, failure } = await bench({ isBalancer: () => false });
    const client = await rawClient(port);
    client.write(HEADER);
    expect((await drain(client)).bytes).toHaveLength(0);
    expect(await failure.promise).toBe('not TLS');
    await dial(port);
    const transport = await subflow.promise;
    expect(transport.remoteAddress).toBe('127.0.0.1');
    if (native !== undefined) expect(transport.measure()).toBeDefined();
  });

  test.each([
    ['TLS without a header', hex('16 03 01 02 00 01'), 'it does not begin with a PROXY header'],
    ['half a header', HEADER.subarray(0, 20), 'closed before its PROXY header was whole'],
  ])('%s from a balancer fails', async (_what, bytes, reason) => {
    const { port, failure } = await bench(behind);
    const client = await rawClient(port);
    client.end(bytes);
    expect((await drain(client)).bytes).toHaveLength(0);
    expect(await failure.promise).toBe(reason);
  });

  test.each([
    ['connects and closes', new Uint8Array(0)],
    ['says LOCAL', LOCAL],
    ['says LOCAL, and something behind it', Buffer.concat([LOCAL, hex('16 03 01 02 00 01')])],
    ['says UNKNOWN alone', UNKNOWN],
    ['says UNSPEC alone', UNSPEC],
  ])('a health check that %s is no failure', async (_what, bytes) => {
    const { port, failures, subflow } = await bench(behind);
    const client = await rawClient(port);
    client.end(bytes);
    await drain(client);
    await dialBehind(port, [HEADER]);
    await subflow.promise;
    expect(failures).toEqual([]);
  });
});
