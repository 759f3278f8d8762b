import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Chunk, OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';
import { StreamRelay } from '../../../shared/runtime/session/stream-relay.ts';
import { RECORD_BYTES } from '../../../shared/runtime/subflow/receive-pool.ts';
import { FakeAppSocket } from '../../support/fake-app-socket.ts';
import { SlabReading } from '../subflow/slab-reading.ts';

/** Takes any input, and no more. */
const DRIVER = { input: () => true, forgetStream() {} } as unknown as SessionDriver;

it.each([
  ['an application that does not read', true],
  ['an origin that is being dialled', false],
])('%s keeps no more memory than a few times the bytes that wait for it', (_, isAttached) => {
  const relay = new StreamRelay(DRIVER, 0);
  const socket = new FakeAppSocket();
  if (isAttached) relay.attach(socket);
  const reading = new SlabReading();
  let bytes = 0;
  for (let i = 0; i < 200; i++) {
    // Bulk for others, and now and then a little for this one.
    for (let record = 0; record < 4; record++) reading.read(1, RECORD_BYTES).release();
    const chunk = reading.read(2, 100);
    bytes += chunk.bytes.length;
    relay.onData([chunk]);
  }
  if (!isAttached) relay.attach(socket);
  for (let i = 0; i < socket.onWritten.length; i++) socket.onWritten[i]!();
  const written = socket.written.flat();
  expect(written.reduce((sum, piece) => sum + piece.length, 0)).toBe(bytes);
  expect(written.every((piece) => piece.every((byte) => byte === 2))).toBe(true);
  const kept = new Set(written.map(({ buffer }) => buffer));
  expect([...kept].reduce((sum, buffer) => sum + buffer.byteLength, 0)).toBeLessThanOrEqual(8 * bytes);
});

describe('received memory comes back once', () => {
  const bulk = () => {
    const reading = new SlabReading();
    return Array.from({ length: 3 }, () => reading.read(7, RECORD_BYTES));
  };
  const areBack = (chunks: readonly Chunk[]) =>
    chunks.map((chunk) => {
      try {
        chunk.release();
        return false;
      } catch {
        return true;
      }
    });

  it('when it has left', () => {
    const relay = new StreamRelay(DRIVER, 0);
    const socket = new FakeAppSocket();
    relay.attach(socket);
    const chunks = bulk();
    relay.onData(chunks);
    relay.onData(bulk());
    socket.onWritten[0]!();
    expect(areBack(chunks)).toEqual([true, true, true]);
    // What left before is not given back again.
    relay.onClose();
  });

  it('when the connection closes before it has left', () => {
    const relay = new StreamRelay(DRIVER, 0);
    relay.attach(new FakeAppSocket());
    const [first, second] = [bulk(), bulk()];
    relay.onData(first);
    relay.onData(second);
    relay.onFailed('connectionReset');
    relay.onClose();
    expect(areBack([...first, ...second])).toEqual([true, true, true, true, true, true]);
  });

  it('when no connection ever comes', () => {
    const relay = new StreamRelay(DRIVER, 0);
    const chunks = bulk();
    relay.onData(chunks);
    relay.abort('cancelled');
    expect(areBack(chunks)).toEqual([true, true, true]);
  });
});

describe('an end that is gone', () => {
  /** A session with one stream, of which so much is not delivered; undefined once it is gone. */
  const sessionWith = (undelivered: number | undefined) => {
    const said: string[] = [];
    const state = { undelivered };
    const streams = {
      undeliveredBytes: () => state.undelivered,
      end: () => void said.push('end'),
      reset: (_: number, error: string) => {
        if (state.undelivered !== undefined) said.push(error);
        state.undelivered = undefined;
      },
      write: () => void said.push('write'),
      consumed: () => {},
    };
    const input = (work: (session: object) => unknown) => work({ streams });
    const driver = { input, forgetStream() {}, isClosed: false, hasSubflow: true };
    return {
      driver: driver as unknown as SessionDriver,
      setSubflow: (is: boolean) => {
        driver.hasSubflow = is;
      },
      state,
      said,
    };
  };
  class ClosingSocket extends FakeAppSocket {
    readonly closings: (string | undefined)[] = [];
    override destroy(how?: string): void {
      this.closings.push(how);
    }
  }

  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each([
    ['as soon as all has arrived', (elapsedMs: number) => Math.max(0, 4_000 - elapsedMs), 4_000, 5_000],
    ['when nothing has moved for as long as it may', () => 50, 10_000, 11_100],
  ])('has what it had sent delivered; the stream is reset %s', (_, left, fromMs, toMs) => {
    const { driver, state, said } = sessionWith(100_000);
    const relay = new StreamRelay(driver, 0, undefined, 10_000);
    relay.attach(new FakeAppSocket());
    relay.onEnd();
    relay.onClose(new Error('gone'));
    let elapsedMs = 0;
    while (state.undelivered !== undefined && elapsedMs < 60_000) {
      state.undelivered = left(elapsedMs);
      elapsedMs += 10;
      vi.advanceTimersByTime(10);
    }
    expect(said).toEqual(['end', 'connectionReset']);
    expect(elapsedMs).toBeGreaterThanOrEqual(fromMs);
    expect(elapsedMs).toBeLessThanOrEqual(toMs);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('has what it had sent wait for a subflow for as long as the session does', () => {
    const { driver, setSubflow, state, said } = sessionWith(100_000);
    const relay = new StreamRelay(driver, 0, undefined, 10_000);
    relay.attach(new FakeAppSocket());
    relay.onEnd();
    setSubflow(false);
    relay.onClose(new Error('gone'));
    vi.advanceTimersByTime(60_000);
    setSubflow(true);
    vi.advanceTimersByTime(5_000);
    expect(said).toEqual(['end']);
    state.undelivered = 0;
    vi.advanceTimersByTime(5_000);
    expect(said).toEqual(['end', 'connectionReset']);
  });

  it('that has not ended resets the stream at once', () => {
    const { driver, said } = sessionWith(100);
    const relay = new StreamRelay(driver, 0);
    relay.attach(new FakeAppSocket());
    relay.onClose(new Error('gone'));
    expect(said).toEqual(['connectionReset']);
  });

  it('lets the connection take what has come up to the end, and reads nothing more from it', () => {
    const { driver, said } = sessionWith(0);
    const relay = new StreamRelay(driver, 0);
    const socket = new ClosingSocket();
    relay.attach(socket);
    relay.onData([new OwnBytes(new Uint8Array(10))]);
    relay.onEnded();
    relay.onFailed('connectionReset', true);
    expect(socket.closings).toEqual(['after-writes']);
    relay.onChunk(new OwnBytes(new Uint8Array(1)));
    relay.onEnd();
    socket.onWritten[0]!();
    relay.onClose();
    expect(said).toEqual(['cancelled']);
  });

  it('resets a connection that is to take the rest when it must give way', () => {
    const socket = new ClosingSocket();
    const relay = new StreamRelay(sessionWith(0).driver, 0);
    relay.attach(socket);
    relay.onFailed('connectionReset', true);
    relay.onFailed('resourceExceeded');
    expect(socket.closings).toEqual(['after-writes', 'reset']);
  });

  it('resets the connection when not all has come', () => {
    const socket = new ClosingSocket();
    const relay = new StreamRelay(sessionWith(0).driver, 0);
    relay.attach(socket);
    relay.onFailed('connectionReset');
    expect(socket.closings).toEqual(['reset']);
  });
});
