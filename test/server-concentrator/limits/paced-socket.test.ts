import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BytePacer } from '../../../server-concentrator/limits/byte-pacer.ts';
import { pacedFlow } from '../../../server-concentrator/limits/flow-line.ts';
import { PacedSocket, type Pacers } from '../../../server-concentrator/limits/paced-socket.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
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

  get handlers(): AppSocketHandlers {
    return this.#handlers!;
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

function bed(rate: number | undefined, memoryBytes = 100_000_000) {
  const clock = () => Date.now();
  const pacers: Pacers = { down: new BytePacer(clock), up: new BytePacer(clock) };
  pacers.down.setRate(rate);
  pacers.up.setRate(rate);
  const memory = new MemoryBudget(memoryBytes);
  let readBytes = 0;
  const ends: string[] = [];
  const open = (bytes: number) => {
    const origin = new Origin(bytes);
    const socket = new PacedSocket(origin, pacers, memory);
    socket.setHandlers({
      onChunk: ({ bytes: chunk }) => {
        readBytes += chunk.length;
      },
      onEnd: () => ends.push(`end after ${readBytes}`),
      onClose: () => ends.push(`close after ${readBytes}`),
      onDrain: () => {},
    });
    return { origin, socket };
  };
  return { pacers, open, memory, ends, readBytes: () => readBytes };
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
    expect(readBytes()).toBeLessThan(60 * RATE + BURST_BYTES + READ_BYTES);
  });

  it('waits for its turn and for whoever wants to read, and goes on at once without a rate', () => {
    const { pacers, open, readBytes, memory } = bed(RATE);
    open(2 * BURST_BYTES).socket.resume();
    const before = readBytes();
    const { origin, socket } = open(2 * READ_BYTES);
    socket.resume();
    expect([origin.isReading, origin.leftBytes, readBytes()]).toEqual([false, READ_BYTES, before]);
    socket.pause();
    vi.advanceTimersByTime(60_000);
    expect([origin.isReading, origin.leftBytes, memory.usedBytes]).toEqual([false, READ_BYTES, READ_BYTES]);
    pacers.down.take(
      pacedFlow(() => {}),
      10 * BURST_BYTES,
    );
    socket.resume();
    expect(origin.leftBytes).toBe(READ_BYTES);
    pacers.down.setRate(undefined);
    expect([origin.leftBytes, memory.usedBytes]).toEqual([0, 0]);
  });

  it('hands on what waits before the end, in order, and forgets it with the connection', () => {
    const { pacers, open, ends, memory } = bed(RATE);
    pacers.down.take(
      pacedFlow(() => {}),
      2 * BURST_BYTES,
    );
    const [ended, closed, gone] = [1_000, 1_000, 1_000].map((bytes) => open(bytes));
    for (const { socket, origin } of [ended!, closed!, gone!]) {
      socket.resume();
      origin.handlers.onEnd();
    }
    expect([ends, memory.usedBytes]).toEqual([[], 3_000]);
    gone!.socket.destroy('reset');
    closed!.origin.handlers.onClose();
    expect(ends).toEqual(['end after 1000', 'close after 1000']);
    vi.advanceTimersByTime(60_000);
    expect([ends.at(-1), memory.usedBytes]).toEqual(['end after 2000', 0]);
  });

  it.each([
    ['at first', () => 0],
    ['after some', () => 3 * READ_BYTES],
  ])('reads connections in turn where there is no memory for what is read: %s', (_, memoryBytes) => {
    const { pacers, open, readBytes, memory } = bed(RATE, memoryBytes());
    for (let i = 0; i < 1_000; i++) open(READ_BYTES).socket.resume();
    const silent = Array.from({ length: 3 }, () => open(0));
    for (const { socket } of silent) socket.resume();
    vi.advanceTimersByTime(60_000);
    expect(readBytes()).toBeGreaterThan(60 * RATE * 0.9);
    expect(readBytes()).toBeLessThan(60 * RATE + BURST_BYTES + READ_BYTES);
    expect(memory.usedBytes).toBeLessThanOrEqual(2 * READ_BYTES);
    // Silent ones cost nothing.
    vi.advanceTimersByTime((1_000 * READ_BYTES * 1_000) / RATE);
    expect(readBytes()).toBe(1_000 * READ_BYTES);
    vi.advanceTimersByTime(60_000);
    expect(pacers.down.roomBytes).toBe(BURST_BYTES);
    for (const { socket } of silent) socket.destroy();
  });

  it('stops reading connections that were read before there was a lack of memory', () => {
    const { pacers, open, readBytes } = bed(RATE, 0);
    const flows = Array.from({ length: 10 }, () => open(0));
    for (const { socket } of flows) socket.resume();
    pacers.down.take(
      pacedFlow(() => {}),
      2 * BURST_BYTES,
    );
    for (const { origin } of flows) {
      origin.leftBytes = 1_000_000;
      origin.resume();
    }
    expect(readBytes()).toBe(10 * READ_BYTES);
    vi.advanceTimersByTime(60_000);
    expect(readBytes()).toBeLessThan(60 * RATE + BURST_BYTES + READ_BYTES);
  });
});

it('holds a connection to a rate that comes later', () => {
  const { pacers, open, readBytes } = bed(undefined);
  const { origin, socket } = open(0);
  socket.resume();
  origin.leftBytes = 1_000_000;
  pacers.down.setRate(RATE);
  origin.resume();
  vi.advanceTimersByTime(10_000);
  expect(readBytes()).toBeLessThan(10 * RATE + BURST_BYTES + READ_BYTES);
  expect(readBytes()).toBeGreaterThan(10 * RATE);
});

it('writes in order when its turn comes, and ends behind what waits', () => {
  const { pacers, open } = bed(RATE);
  const { origin, socket } = open(0);
  const end = vi.spyOn(origin, 'end');
  pacers.up.take(
    pacedFlow(() => {}),
    BURST_BYTES,
  );
  for (const byte of [1, 2, 3]) expect(socket.write([Uint8Array.of(byte)])).toBe(false);
  socket.end();
  expect([origin.written.length, end.mock.calls.length]).toEqual([0, 0]);
  vi.advanceTimersByTime(1_000);
  expect(origin.written.map(([piece]) => piece![0])).toEqual([1, 2, 3]);
  expect(end).toHaveBeenCalledOnce();
});

it('writes a large piece part by part, and says at its end that it is written', () => {
  const { open } = bed(RATE);
  const { origin, socket } = open(0);
  const written = vi.fn();
  socket.write([new Uint8Array(BURST_BYTES), new Uint8Array(BURST_BYTES)], written);
  const sent = () => origin.written.flat().reduce((sum, { length }) => sum + length, 0);
  vi.advanceTimersByTime(1_000);
  expect(sent()).toBeLessThan(BURST_BYTES + 2 * RATE);
  vi.advanceTimersByTime((BURST_BYTES / RATE) * 1_000);
  expect(sent()).toBe(2 * BURST_BYTES);
  for (const done of origin.onWritten) done();
  expect(written).toHaveBeenCalledOnce();
});
