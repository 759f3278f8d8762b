import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ConnectRequest } from '../../../client-proxy/front/connect-request.ts';
import { MisuseError } from '../../../shared/protocol/errors.ts';
import type { AppSocket } from '../../../shared/runtime/app/app-socket.ts';
import { deferred } from '../../support/deferred.ts';
import { eventually } from '../../support/eventually.ts';
import {
  connectRequest,
  hex,
  NO_AUTH_GREETING,
  RawClient,
  type SocksBed,
  SUCCESS,
  startSocks,
} from './socks-bed.ts';

let bed: SocksBed;
afterEach(() => bed.stop());

/** A client whose request, with `early` behind it, has reached `onRequest` and is unanswered. */
async function ask(early = ''): Promise<{ client: RawClient; request: ConnectRequest }> {
  const { promise, resolve } = deferred<ConnectRequest>();
  bed = await startSocks({ onRequest: resolve });
  const client = new RawClient(bed.port);
  await client.send(Buffer.concat([NO_AUTH_GREETING, connectRequest(9), Buffer.from(early)]));
  return { client, request: await promise };
}

/** What a new owner is told, in order. */
function record(socket: AppSocket): { events: string[]; closed: Promise<void> } {
  const events: string[] = [];
  const { promise: closed, resolve } = deferred<void>();
  socket.setHandlers({
    onChunk: (chunk) => {
      events.push(Buffer.from(chunk.bytes).toString());
      chunk.release();
    },
    onEnd: () => {
      events.push('end');
      socket.end();
    },
    onDrain: () => {},
    onClose: (error) => {
      events.push(error ? `close ${error.code}` : 'close');
      resolve();
    },
  });
  return { events, closed };
}

const abandonmentOf = (request: ConnectRequest) =>
  new Promise<void>((resolve) => request.onAbandoned(() => resolve()));

describe('answering a request', () => {
  it('keeps early data, and delivers what came while the answer was awaited, then FIN', async () => {
    const { client, request } = await ask('first ');
    expect(request.earlyData.map((bytes) => Buffer.from(bytes).toString())).toEqual(['first ']);
    await client.send(Buffer.from('second '));
    client.end();
    // The answer waits until both are in the kernel or read ahead; either way they come after it.
    expect(hex(await client.receive(2))).toBe('0500');
    request.succeed();
    const { events, closed } = record(request.socket);
    request.socket.resume();
    await closed;
    expect(events).toEqual(['second ', 'end', 'close']);
    expect(hex(await client.receiveAll())).toBe(`0500${SUCCESS}`);
  });

  it('loses no byte of much data sent before a late answer', async () => {
    const { client, request } = await ask();
    const sent = Buffer.alloc(1_000_000, 'abcdefghijklmnopqrstuvwxyz0123456789');
    void client.send(sent);
    await new Promise((resolve) => setTimeout(resolve, 20));
    request.succeed({ host: '127.0.0.1', port: 0x1234 });
    const received: Buffer[] = [];
    const { promise: ended, resolve } = deferred<void>();
    request.socket.setHandlers({
      onChunk: (chunk) => {
        received.push(Buffer.from(chunk.bytes));
        chunk.release();
        request.socket.pause();
        setImmediate(() => request.socket.resume());
      },
      onEnd: resolve,
      onDrain: () => {},
      onClose: () => {},
    });
    request.socket.resume();
    client.end();
    await ended;
    expect(Buffer.concat(received).equals(sent)).toBe(true);
    expect(hex(await client.receive(12))).toBe('0500050000017f0000011234');
  });

  it('hands over at once where the caller is optimistic', async () => {
    const { promise: closed, resolve } = deferred<string[]>();
    bed = await startSocks({
      onRequest: (request) => {
        request.succeed();
        const owner = record(request.socket);
        request.socket.resume();
        void owner.closed.then(() => resolve([...request.earlyData.map(String), ...owner.events]));
      },
    });
    const client = new RawClient(bed.port);
    await client.send(Buffer.concat([NO_AUTH_GREETING, connectRequest(9)]));
    expect(hex(await client.receive(12))).toBe(`0500${SUCCESS}`);
    await client.send(Buffer.from('hello'));
    client.end();
    expect(await closed).toEqual(['hello', 'end', 'close']);
  });

  it.each([
    ['connectionRefused', '05'],
    ['nameNotFound', '04'],
    ['notAuthorized', '02'],
    ['timedOut', '06'],
    ['uplinksLost', '03'],
    ['internalError', '01'],
  ] as const)('tells the client of %s, although it has sent bytes nobody read', async (error, reply) => {
    const { client, request } = await ask('GET / HTTP/1.1\r\n\r\n');
    await client.send(Buffer.alloc(300_000));
    request.fail(error);
    expect(hex(await client.receiveAll())).toBe(`050005${reply}0001000000000000`);
  });

  it('cuts off a client that does not close after a failure', async () => {
    const { client, request } = await ask();
    request.fail('timedOut');
    await client.receive(12);
    expect(bed.server.counters.active).toBe(1);
    await vi.waitFor(() => expect(bed.server.counters.active).toBe(0), { timeout: 10_000 });
    client.destroy();
  });

  it('refuses a second answer', async () => {
    const { client, request } = await ask();
    request.succeed();
    expect(() => request.succeed()).toThrow(MisuseError);
    expect(() => request.fail('timedOut')).toThrow(MisuseError);
    client.destroy();
  });
});

describe('a client that leaves while its request is unanswered', () => {
  it('is noticed when it closes', async () => {
    const { client, request } = await ask();
    client.end();
    await abandonmentOf(request);
    // A half-closed client can still read what became of it.
    expect(hex(await client.receiveAll())).toBe('050005010001000000000000');
    request.succeed();
    expect(bed.server.counters.failedNegotiation.clientClosed).toBe(0);
  });

  it('is noticed when it resets, even with early data', async () => {
    const { client, request } = await ask('early');
    client.destroy('reset');
    await abandonmentOf(request);
    await eventually(() => expect(bed.server.counters.active).toBe(0));
    request.fail('timedOut');
  });

  it('is noticed by a callback that comes late', async () => {
    const { client, request } = await ask();
    client.destroy('reset');
    await eventually(() => expect(bed.server.counters.active).toBe(0));
    const callback = vi.fn();
    request.onAbandoned(callback);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('is reported to an owner that takes over too late', async () => {
    const { client, request } = await ask('early');
    request.succeed();
    request.socket.resume();
    client.destroy('reset');
    await eventually(() => expect(bed.server.counters.active).toBe(0));
    const { events, closed } = record(request.socket);
    await closed;
    expect(events).toEqual(['close ECONNRESET']);
  });
});
