import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeControl } from '../../shared/protocol/codec/frame.ts';
import { ERROR_CODE } from '../../shared/protocol/errors.ts';
import { Pair } from '../end-to-end/support/pair.ts';
import { openTls, RogueClient } from '../end-to-end/support/subflow-client.ts';
import { OpenStorm } from './support/attack.ts';

const ROGUE = 'rogue';
/** Two or three kinds of lines, each with a burst of 20 and one line every ten seconds. */
const MAX_LINES = 80;
/** What nobody may read in a log at level `info`. */
const DESTINATION = /127\.0\.0\.77/;

describe('a log at level info', { timeout: 180_000 }, () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await Pair.start({ otherClients: [ROGUE] });
  });
  afterAll(() => pair?.close());

  it.each<[string, number, (times: number) => Promise<void>]>([
    ['a subflow that is doubted and recovers, again and again', 300, doubtAgainAndAgain],
    ['sessions that begin and end', 100, beginAndEnd],
    ['opens that fail', 2_000, openInVain],
    ['strangers who finish TLS and talk nonsense', 120, talkNonsense],
  ])('%s, %i times: so many lines, and no destination', async (what, times, attack) => {
    const before = pair.concentrator.lineCount;
    await attack(times);
    const lines = pair.concentrator.output.split('\n').slice(before);
    const bytes = lines.reduce((sum, line) => sum + line.length + 1, 0);
    console.log(`${what}: ${times} times; ${lines.length} lines, ${bytes} bytes`);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThan(MAX_LINES);
    expect(lines.join('\n')).not.toMatch(DESTINATION);
  });

  async function doubtAgainAndAgain(times: number): Promise<void> {
    const client = await RogueClient.connect(pair, pair.identityOf(ROGUE));
    let receivedBytes = client.restBytes;
    client.socket.on('data', (bytes: Buffer) => {
      receivedBytes += bytes.length;
    });
    for (let i = 0; i < times; i++) {
      const entries = [{ subflowId: 0, delayMicroseconds: 0, bytes: receivedBytes }];
      client.socket.write(encodeControl({ type: 'receipt', entries }));
      client.socket.write(encodeControl({ type: 'subflowState', subflowId: 0, state: 'doubted' }));
      await sleep(5);
    }
    expect(client.socket.destroyed).toBe(false);
    client.socket.destroy();
  }

  function beginAndEnd(times: number): Promise<void> {
    return severalAtOnce(times, async () => {
      const client = await RogueClient.connect(pair, pair.identityOf(ROGUE));
      client.socket.end(encodeControl({ type: 'close', code: ERROR_CODE.cancelled }));
      await closed(client.socket);
    });
  }

  async function openInVain(times: number): Promise<void> {
    const destination = (index: number) => ({ host: '127.0.0.77', port: 1 + (index % 60_000) });
    const storm = await OpenStorm.start(pair, ROGUE, { sessions: 2, streams: 500, destination });
    while (storm.sent < times) await sleep(20);
    storm.stop();
  }

  function talkNonsense(times: number): Promise<void> {
    return severalAtOnce(times, async () => {
      const socket = await openTls(pair);
      socket.write(Buffer.alloc(100, 0x7e));
      socket.resume();
      await closed(socket);
    });
  }
});

/** However it ends. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function severalAtOnce(times: number, work: () => Promise<void>): Promise<void> {
  let left = times;
  const again = async () => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: 4 }, again));
}
