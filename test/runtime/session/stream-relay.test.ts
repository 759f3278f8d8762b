import { describe, expect, it } from 'vitest';
import type { Chunk } from '../../../shared/protocol/memory/chunk.ts';
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
