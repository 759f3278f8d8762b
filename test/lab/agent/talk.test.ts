import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { needs } from '../../support/needs.ts';
import { requestOf, SILENT_TALK, type Talk, type TalkEnd, TalkSide, talkOf } from './talk.ts';

let server: Server | undefined;
afterEach(() => server?.close());

/** Both sides over loopback; `meddle` may change what the origin gets. */
async function talk(
  shape: Partial<Talk>,
  meddle: (bytes: Buffer) => Buffer = (bytes) => bytes,
): Promise<{ client: TalkEnd; origin: TalkEnd }> {
  const whole: Talk = { ...SILENT_TALK, key: 5, ...shape };
  const atOrigin = new Promise<TalkEnd>((resolve) => {
    server = createServer({ allowHalfOpen: true }, (socket) => {
      const words = requestOf(whole).trim().split(' ').slice(1);
      follow(socket, new TalkSide(talkOf(words), 'origin', socket, resolve), meddle);
    });
  });
  server!.listen(0, '127.0.0.1');
  await once(server!, 'listening');
  const { port } = server!.address() as AddressInfo;
  const client = await new Promise<TalkEnd>((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    follow(socket, new TalkSide(whole, 'client', socket, resolve), (bytes) => bytes);
  });
  return { client, origin: await atOrigin };
}

function follow(socket: Socket, side: TalkSide, meddle: (bytes: Buffer) => Buffer): void {
  let error: Error | undefined;
  socket.on('error', (reason) => {
    error = reason;
  });
  socket.on('data', (bytes) => side.receive(meddle(bytes)));
  socket.on('end', () => side.end());
  socket.on('close', () => side.closed(error));
  side.send();
}

test.each<Partial<Talk>>([
  { order: 'up-first', upBytes: 300_000, downBytes: 500_000 },
  { order: 'down-first', upBytes: 300_000, downBytes: 500_000 },
  { order: 'together', upBytes: 700_000, downBytes: 900_000 },
  { order: 'turns', upBytes: 5_000, downBytes: 5_000, messageBytes: 1_000, pauseMs: 5 },
  { order: 'up-first', upBytes: 100_000, downBytes: 100_000, clientReads: 2_000_000, originReads: 2_000_000 },
  { order: 'up-first', upBytes: 10, downBytes: 400_000, stallMs: 50 },
  { order: 'together' },
])('both sides of %j have everything', async (shape) => {
  const { upBytes = 0, downBytes = 0, order } = shape;
  const { client, origin } = await talk(shape);
  const whole = { isExact: true, hasEnd: true, isSent: true };
  expect(client).toMatchObject({ ...whole, receivedBytes: downBytes });
  expect(origin).toMatchObject({ ...whole, receivedBytes: upBytes });
  expect(client.error).toBeUndefined();
  expect(client.turnTimesMs?.length).toBe(order === 'turns' ? 5 : undefined);
});

test.each([
  ['a changed byte', (bytes: Buffer) => bytes.map((byte, at) => (at === 7 ? byte ^ 1 : byte)) as Buffer],
  ['a missing byte', (bytes: Buffer) => bytes.subarray(1)],
  ['bytes of another conversation', (bytes: Buffer) => Buffer.alloc(bytes.length)],
])('%s is noticed', async (_, meddle) => {
  const { origin } = await talk({ upBytes: 1_000, downBytes: 10 }, meddle);
  expect(origin.isExact).toBe(false);
});

test('a reset behind the last data is no end', needs('libc'), async () => {
  const reset = new Promise<void>((resolve) => {
    server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('close', () => resolve());
      // The client has sent all: nothing but a read can tell it of the reset.
      socket.on('end', () => socket.write(Buffer.alloc(1_000), () => socket.resetAndDestroy()));
      socket.resume();
    });
  });
  server!.listen(0, '127.0.0.1');
  await once(server!, 'listening');
  const { port } = server!.address() as AddressInfo;
  const end = await new Promise<TalkEnd>((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const whole = { ...SILENT_TALK, key: 5, order: 'up-first' as const, upBytes: 1, downBytes: 2_000 };
    follow(socket, new TalkSide(whole, 'client', socket, resolve), (bytes) => bytes);
    socket.pause();
    // Loopback has delivered both by then: they are read together.
    void reset.then(() => socket.resume());
  });
  expect(end.hasEnd).toBe(false);
  expect(end.error).toBeDefined();
});
