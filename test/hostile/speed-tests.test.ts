import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeControl, writeDataHeader } from '../../shared/protocol/codec/frame.ts';
import {
  encodeSpeedRequest,
  SPEED_SERVICE,
  type SpeedDirection,
} from '../../shared/protocol/codec/speed-request.ts';
import { DATA_HEADER_BYTES } from '../../shared/protocol/codec/wire.ts';
import { ERROR_CODE } from '../../shared/protocol/errors.ts';
import { type Origin, startEcho } from '../end-to-end/support/origin.ts';
import { Pair } from '../end-to-end/support/pair.ts';
import { RogueClient } from '../end-to-end/support/subflow-client.ts';
import { timeOpens } from './support/victim.ts';

const ROGUE = 'rogue';
const TESTS = 1_000;
const ALLOWANCE_BYTES = 8_000_000;
/** What a token bucket that is filled in an hour has more of after some seconds, and what is not payload. */
const SLACK_BYTES = 1_000_000;
const MUCH = 2 ** 40;
/** One piece behind each request to send. */
const PIECE_BYTES = 64 * 1024;
const OPENS = 15;

describe('a client that starts a thousand speed tests at once', { timeout: 180_000 }, () => {
  let pair: Pair;
  let echo: Origin;
  beforeAll(async () => {
    echo = await startEcho();
    pair = await Pair.start({
      otherClients: [ROGUE],
      concentrator: { limits: { measurementBytesPerHour: `${ALLOWANCE_BYTES}B`, opensPerSecond: 1_000 } },
    });
  });
  afterAll(async () => {
    await pair?.close();
    await echo?.close();
  });

  const hits = async (limit: string) =>
    (await pair.metrics('concentrator')).sum('tributary_limits_reached_total', { limit });

  it.each(['down', 'up'] as const)(
    '%s: has its bytes and no more, and disturbs nobody',
    async (direction) => {
      const before = await timeOpens(pair, OPENS, () => echo);
      const client = await RogueClient.connect(pair, pair.identityOf(ROGUE));
      const { socket } = client;
      let receivedBytes = client.restBytes;
      socket.on('data', (data: Buffer) => {
        receivedBytes += data.length;
      });
      const receipting = setInterval(() => {
        const entry = { subflowId: 0, delayMicroseconds: 0, bytes: receivedBytes };
        socket.write(encodeControl({ type: 'receipt', entries: [entry] }));
      }, 20);
      for (let id = 0; id < TESTS; id++) socket.write(Buffer.concat(openOf(id, direction)));
      await sleep(3_000);
      const busy = await timeOpens(pair, OPENS, () => echo);
      clearInterval(receipting);
      const refused = client.frames.filter(
        (frame) => frame.type === 'opened' && frame.code === ERROR_CODE.resourceExceeded,
      ).length;
      const [places, bytes] = [await hits('measurements'), await hits('measurementBytesPerHour')];
      console.log(
        `measured: ${direction}: ${receivedBytes} bytes came, ${refused} refused, limits reached ${places} and ${bytes} times, ` +
          `opens of another ${before.p50Ms.toFixed(1)} ms before, ${busy.p50Ms.toFixed(1)} ms meanwhile`,
      );
      expect(receivedBytes).toBeLessThan(ALLOWANCE_BYTES + SLACK_BYTES);
      expect(places + bytes).toBeGreaterThan(TESTS / 2);
      expect([before.failed, busy.failed]).toEqual([0, 0]);
      socket.end(encodeControl({ type: 'close', code: ERROR_CODE.cancelled }));
    },
  );
});

/** A stream that asks for, or sends, more than anybody may. */
function openOf(streamId: number, direction: SpeedDirection): Uint8Array[] {
  const open = encodeControl({ type: 'open', streamId, limit: MUCH, mode: 0, ...SPEED_SERVICE });
  const request = encodeSpeedRequest({ direction, bytes: MUCH });
  const payload = direction === 'up' ? Buffer.concat([request, Buffer.alloc(PIECE_BYTES)]) : request;
  const header = new Uint8Array(DATA_HEADER_BYTES);
  writeDataHeader(header, 0, streamId, 0, payload.length, false);
  return [open, header, payload];
}
