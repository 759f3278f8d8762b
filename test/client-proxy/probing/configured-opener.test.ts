import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { attachmentOf } from '../../../client-proxy/network/attachment.ts';
import { ConfiguredOpener } from '../../../client-proxy/probing/configured-opener.ts';
import type { AttachmentFinder } from '../../../client-proxy/uplink/uplink-device.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import { lan, native } from '../../runtime/subflow/subflow-bench.ts';
import { deferred } from '../../support/deferred.ts';

/** What is left of the shortest packet that the doctor tries (576 bytes), without the headers of IPv6 and TCP. */
const SHORT_PACKET_BYTES = 576 - 40 - 32;
/** The extension supported_groups (RFC 8446, section 4.2.7) with X25519 and P-256 alone. */
const SHORT_GROUPS = Buffer.from('000a00060004001d0017', 'hex');

test('begins TLS with a packet that passes where long ones vanish', async () => {
  const hello = deferred<Buffer>();
  const server = createServer((socket) => {
    socket.on('error', () => {});
    const pieces: Buffer[] = [];
    socket.on('data', (piece) => {
      pieces.push(piece);
      const bytes = Buffer.concat(pieces);
      // The record says how long it is.
      if (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt16BE(3)) hello.resolve(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const config = {
    concentrator: { addresses: [], pins: [] },
    dial: { timeoutMs: 5_000, backoffMinMs: 1, backoffMaxMs: 1 },
  };
  const attachment: AttachmentFinder = (binding, host) => attachmentOf(binding, host, undefined);
  const clock = () => performance.now();
  const opener = new ConfiguredOpener(config, { native, attachment, clock });
  const { port } = server.address() as AddressInfo;
  const signal = new Cancellation();
  const opening = opener.secure(lan, { host: '127.0.0.1', port }, signal);
  opening.catch(() => {});
  const bytes = await hello.promise;
  signal.abort();
  expect(bytes.includes(SHORT_GROUPS)).toBe(true);
  expect(bytes.length).toBeLessThan(SHORT_PACKET_BYTES);
});
