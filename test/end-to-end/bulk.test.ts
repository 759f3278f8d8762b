import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashBytes, sendBytes } from './support/byte-source.ts';
import { startOrigin } from './support/origin.ts';
import { Pair, UPLINKS } from './support/pair.ts';
import { socksConnect } from './support/socks-client.ts';

const GIGABYTE = 1_000_000_000;
/** Ten times what it takes on two idle cores. */
const LIMIT_MS = 120_000;

describe('a gigabyte through the pair', () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await Pair.start();
  });
  afterAll(() => pair.close());

  it(
    'comes down byte for byte, over both uplinks',
    async () => {
      let sent: Promise<string> | undefined;
      const origin = await startOrigin((socket) => {
        sent = sendBytes(socket, GIGABYTE);
      });
      const { socket } = await socksConnect(pair.socks, origin);
      const received = await hashBytes(socket);
      expect(received).toEqual({ sha256: await sent, length: GIGABYTE });
      await expectBothUplinksUsed('sent');
      await origin.close();
    },
    LIMIT_MS,
  );

  it(
    'goes up byte for byte, over both uplinks',
    async () => {
      const origin = await startOrigin();
      const connected = origin.nextConnection();
      const { socket } = await socksConnect(pair.socks, origin);
      const sent = sendBytes(socket, GIGABYTE);
      const received = await hashBytes(await connected);
      expect(received).toEqual({ sha256: await sent, length: GIGABYTE });
      await expectBothUplinksUsed('received');
      socket.destroy();
      await origin.close();
    },
    LIMIT_MS,
  );

  async function expectBothUplinksUsed(direction: 'sent' | 'received') {
    const metrics = await pair.metrics('concentrator');
    const total = metrics.sum('tributary_uplink_bytes_total', { direction });
    expect(total).toBeGreaterThan(GIGABYTE);
    for (const uplink of UPLINKS) {
      const share = metrics.sum('tributary_uplink_bytes_total', { direction, uplink }) / total;
      expect(share, `share of uplink ${uplink}`).toBeGreaterThan(0.25);
    }
  }
});
