import { afterEach, expect, it, vi } from 'vitest';
import { SpeedSocket } from '../../../server-concentrator/measurement/speed-socket.ts';
import { encodeSpeedRequest, type SpeedRequest } from '../../../shared/protocol/codec/speed-request.ts';
import { eventually } from '../../support/eventually.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** One that may exchange so many bytes; what it has said. */
function bed(allowanceBytes = 10_000_000) {
  let left = allowanceBytes;
  const said = { bytes: 0, last: Buffer.alloc(0), hasEnded: false, error: 'open' as string | undefined };
  let closed = 0;
  const socket = new SpeedSocket({
    take(bytes) {
      if (bytes > left) return false;
      left -= bytes;
      return true;
    },
    onClosed: () => closed++,
  });
  socket.setHandlers({
    onChunk: (chunk) => {
      said.bytes += chunk.bytes.length;
      said.last = Buffer.from(chunk.bytes);
      chunk.release();
    },
    onEnd: () => {
      said.hasEnded = true;
    },
    onDrain() {},
    onClose: (error) => {
      said.error = error?.message;
    },
  });
  socket.resume();
  return { socket, said, left: () => left, closed: () => closed };
}

const asked = (request: SpeedRequest) => [encodeSpeedRequest(request)];

it.each([1, 65_536, 1_000_000])('sends %i bytes and ends', async (bytes) => {
  const { socket, said, left, closed } = bed();
  socket.write(asked({ direction: 'down', bytes }));
  await eventually(() => expect(said.hasEnded).toBe(true));
  expect([said.bytes, left()]).toEqual([bytes, 10_000_000 - bytes]);
  socket.end();
  await eventually(() => expect(said.error).toBeUndefined());
  expect(closed()).toBe(1);
});

it('takes a request in pieces, discards what follows it, and tells how much has come', async () => {
  const { socket, said, left, closed } = bed();
  const bytes = Buffer.concat([encodeSpeedRequest({ direction: 'up', bytes: 70_000 }), Buffer.alloc(70_000)]);
  let written = 0;
  for (const [from, to] of [
    [0, 3],
    [3, 20],
    [20, bytes.length],
  ]) {
    socket.write([bytes.subarray(from, to)], () => written++);
  }
  await eventually(() => expect(said.last.toString('hex')).toBe('0000000000011170'));
  expect([written, said.hasEnded]).toEqual([3, false]);
  socket.end();
  await eventually(() => expect(said.error).toBeUndefined());
  expect([said.hasEnded, left(), closed()]).toEqual([true, 10_000_000 - 70_000, 1]);
});

it('says nothing while it is not read, and goes on afterwards', async () => {
  const { socket, said } = bed();
  socket.write(asked({ direction: 'down', bytes: 1_000_000 }));
  await eventually(() => expect(said.bytes).toBeGreaterThan(0));
  socket.pause();
  const { bytes } = said;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(said.bytes).toBe(bytes);
  socket.resume();
  await eventually(() => expect(said).toMatchObject({ bytes: 1_000_000, hasEnded: true }));
});

it('tells what has come while it was not read, though nothing follows', async () => {
  const { socket, said } = bed();
  socket.write(asked({ direction: 'up', bytes: 70_000 }));
  socket.pause();
  socket.write([Buffer.alloc(1_000)]);
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(said.bytes).toBe(0);
  socket.resume();
  await eventually(() => expect(said.last.toString('hex')).toBe('00000000000003e8'));
});

it.each(['down', 'up'] as const)('closes when a client may exchange no more %s', async (direction) => {
  const { socket, said, closed } = bed(100_000);
  socket.write(asked({ direction, bytes: 1_000_000 }));
  if (direction === 'up') for (let i = 0; i < 4; i++) socket.write([Buffer.alloc(50_000)]);
  await eventually(() => expect(said.error).toMatch(/no more/));
  expect(said.bytes).toBeLessThanOrEqual(100_000);
  expect(closed()).toBe(1);
});

it('does not take for free what is sent behind a request for bytes', async () => {
  const { socket, said } = bed(100_000);
  socket.write(asked({ direction: 'down', bytes: 1 }));
  for (let i = 0; i < 4; i++) socket.write([Buffer.alloc(50_000)]);
  await eventually(() => expect(said.error).toMatch(/no more/));
});

it.each([
  ['an unknown direction', '020000000000000001'],
  ['a count that nobody can count to', '00ffffffffffffffff'],
])('closes for %s', async (_, request) => {
  const { socket, said, closed } = bed();
  socket.write([Buffer.from(request, 'hex')]);
  await eventually(() => expect(said.error).toMatch(/speed|53/));
  expect(closed()).toBe(1);
});

it('ends when nothing is asked, or after two minutes', async () => {
  const silent = bed();
  silent.socket.end();
  await eventually(() => expect(silent.said.error).toBeUndefined());
  vi.useFakeTimers();
  const { closed } = bed();
  await vi.advanceTimersByTimeAsync(119_000);
  expect(closed()).toBe(0);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(closed()).toBe(1);
});
