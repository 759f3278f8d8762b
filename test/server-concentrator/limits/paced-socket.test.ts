import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BytePacer } from '../../../server-concentrator/limits/byte-pacer.ts';
import { PacedSocket, type Pacers } from '../../../server-concentrator/limits/paced-socket.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import type { AppSocketHandlers } from '../../../shared/runtime/app/app-socket.ts';
import { FakeAppSocket } from '../../support/fake-app-socket.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const RATE = 8_000;
const READ_BYTES = 16 * 1024;
const BURST_BYTES = 64 * 1024;

/** The other side has always more to send, until it has sent so much. */
class Origin extends FakeAppSocket {
  leftBytes: number;
  isReading = false;
  #handlers: AppSocketHandlers | undefined;

  constructor(bytes: number) {
    super();
    this.leftBytes = bytes;
  }

  override setHandlers(handlers?: AppSocketHandlers): void {
    this.#handlers = handlers;
  }

  override resume(): void {
    this.isReading = true;
    while (this.isReading && this.leftBytes > 0) {
      const length = Math.min(READ_BYTES, this.leftBytes);
      this.leftBytes -= length;
      this.#handlers?.onChunk(new OwnBytes(new Uint8Array(length)));
    }
  }

  override pause(): void {
    this.isReading = false;
  }
}

function bed(rate: number | undefined) {
  const clock = () => Date.now();
  const pacers: Pacers = { down: new BytePacer(clock), up: new BytePacer(clock) };
  pacers.down.setRate(rate);
  pacers.up.setRate(rate);
  let readBytes = 0;
  const open = (bytes: number) => {
    const origin = new Origin(bytes);
    const socket = new PacedSocket(origin, pacers);
    socket.setHandlers({
      onChunk: ({ bytes: chunk }) => {
        readBytes += chunk.length;
      },
      ...{ onEnd: () => {}, onDrain: () => {}, onClose: () => {} },
    });
    return { origin, socket };
  };
  return { pacers, open, readBytes: () => readBytes };
}

describe('reading from an origin', () => {
  it.each([
    ['one long connection', 1],
    ['one new connection a second', 60],
    ['two hundred new connections a second', 12_000],
  ])('holds the rate: %s', (_, connections) => {
    const { open, readBytes } = bed(RATE);
    for (let i = 0; i < connections; i++) {
      open(connections === 1 ? 10_000_000 : READ_BYTES).socket.resume();
      vi.advanceTimersByTime(60_000 / connections);
    }
    expect(readBytes()).toBeGreaterThan(60 * RATE * 0.9);
    // A sixteenth of them go on at a time, and what they owe then is paid off afterwards.
    const owed = Math.max(1, connections / 16) * READ_BYTES;
    expect(readBytes()).toBeLessThan(60 * RATE + BURST_BYTES + owed);
  });

  it('waits for its turn and for whoever wants to read, and goes on at once without a rate', () => {
    const { pacers, open, readBytes } = bed(RATE);
    open(BURST_BYTES + 1).socket.resume();
    const before = readBytes();
    const { origin, socket } = open(1_000);
    socket.resume();
    expect([origin.isReading, readBytes()]).toEqual([false, before]);
    socket.pause();
    vi.advanceTimersByTime(60_000);
    expect([origin.isReading, origin.leftBytes]).toEqual([false, 1_000]);
    pacers.down.take({ moved: 0, goOn: () => {} }, 10 * BURST_BYTES);
    socket.resume();
    expect(origin.leftBytes).toBe(1_000);
    pacers.down.setRate(undefined);
    expect(origin.leftBytes).toBe(0);
  });
});

it('writes in order when its turn comes, and ends behind what waits', () => {
  const { pacers, open } = bed(RATE);
  const { origin, socket } = open(0);
  const end = vi.spyOn(origin, 'end');
  pacers.up.take({ moved: 0, goOn: () => {} }, BURST_BYTES);
  for (const byte of [1, 2, 3]) expect(socket.write([Uint8Array.of(byte)])).toBe(false);
  socket.end();
  expect([origin.written.length, end.mock.calls.length]).toEqual([0, 0]);
  vi.advanceTimersByTime(1_000);
  expect(origin.written.map(([piece]) => piece![0])).toEqual([1, 2, 3]);
  expect(end).toHaveBeenCalledOnce();
});
