import { expect, it } from 'vitest';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';
import { StreamRelay } from '../../../shared/runtime/session/stream-relay.ts';
import { RECORD_BYTES, releaseReceived } from '../../../shared/runtime/subflow/receive-pool.ts';
import { FakeAppSocket } from '../../support/fake-app-socket.ts';
import { SlabReading } from '../subflow/slab-reading.ts';

it.each([
  ['an application that does not read', true],
  ['an origin that is being dialled', false],
])('%s keeps no more memory than a few times the bytes that wait for it', (_, isAttached) => {
  const relay = new StreamRelay({} as SessionDriver, 0);
  const socket = new FakeAppSocket();
  if (isAttached) relay.attach(socket);
  const reading = new SlabReading();
  let bytes = 0;
  for (let i = 0; i < 200; i++) {
    // Bulk for others, and now and then a little for this one.
    for (let record = 0; record < 4; record++) releaseReceived(reading.read(1, RECORD_BYTES));
    const piece = reading.read(2, 100);
    bytes += piece.length;
    relay.onData([piece]);
  }
  if (!isAttached) relay.attach(socket);
  const written = socket.written.flat();
  expect(written.reduce((sum, piece) => sum + piece.length, 0)).toBe(bytes);
  expect(written.every((piece) => piece.every((byte) => byte === 2))).toBe(true);
  const kept = new Set(written.map(({ buffer }) => buffer));
  expect([...kept].reduce((sum, buffer) => sum + buffer.byteLength, 0)).toBeLessThanOrEqual(8 * bytes);
});
