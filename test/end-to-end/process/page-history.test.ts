import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DayReport } from '../../../client-proxy/page/history/history-keeper.ts';
import type { HistoryReport } from '../../../client-proxy/page/history/rate-series.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { useCleanups } from '../../support/cleanups.ts';
import { needs } from '../../support/needs.ts';
import { expectEcho, startEchoPair } from '../support/echo-pair.ts';
import { type Pair, UPLINKS } from '../support/pair.ts';

const BYTES = 2_000_000;
const FILE = 'page-history.gz';
/** What is full is small. */
const SMALL_DISK = 'mount -t tmpfs -o size=64k none "$0"; exec "$@"';

describe('the history of the page', () => {
  const onCleanup = useCleanups();

  it('is there when the client is started again, also after it was killed, and a damaged one is set aside', async () => {
    const stateDir = await temporaryDirectory();
    const { pair, socket } = await startEchoPair(onCleanup, { client: { stateDir } });
    await expectEcho(socket, BYTES);
    await expect.poll(() => carriedBytes(pair), { timeout: 5_000 }).toBeGreaterThan(0.9 * BYTES);
    await pair.client.stop();
    const file = join(stateDir, FILE);
    const { size, mode } = await stat(file);
    expect(size).toBeLessThan(10_000);
    expect(mode & 0o777).toBe(0o600);

    await again(pair);
    expect(await carriedBytes(pair)).toBeGreaterThan(0.9 * BYTES);
    const { days } = (await json(pair, '/data/history')) as DayReport;
    expect(days.map(({ name }) => name).sort()).toEqual([...UPLINKS]);
    const total = days.flatMap((one) => one.days).reduce((sum, { receivedBytes }) => sum + receivedBytes, 0);
    expect(total).toBeGreaterThan(BYTES);
    await pair.client.kill();

    await again(pair);
    expect(await carriedBytes(pair)).toBeGreaterThan(0.9 * BYTES);
    await pair.client.kill();

    await truncate(file, size - 9);
    await again(pair);
    expect(pair.client.output).toContain("the page's figures of the past are lost");
    expect(existsSync(`${file}.damaged`)).toBe(true);
    expect(await carriedBytes(pair)).toBeLessThan(0.1 * BYTES);
  });

  it('ends no client whose disk is full, which says so', needs('mounts'), async () => {
    const stateDir = await temporaryDirectory();
    const { pair, socket } = await startEchoPair(onCleanup, {
      under: { client: ['unshare', '--mount', 'sh', '-c', SMALL_DISK, stateDir] },
      client: { stateDir },
    });
    await expectEcho(socket, BYTES);
    const inside = `/proc/${pair.client.pid}/root${stateDir}`;
    spawnSync('sh', ['-c', `head -c 200000 /dev/zero > "${inside}/filler" 2> /dev/null`]);
    await pair.client.stop();
    expect(pair.client.output).toContain("the page's figures of the past cannot be kept");
    expect(pair.client.output).toContain('no space left on the device');
  });
});

async function again(pair: Pair): Promise<void> {
  pair.startClient();
  await pair.client.untilLine('client proxy is up');
}

async function json(pair: Pair, path: string): Promise<unknown> {
  return JSON.parse((await pair.get('client', path)).text);
}

/** What both uplinks have received, by the seconds of the history. */
async function carriedBytes(pair: Pair): Promise<number> {
  const { times, uplinks } = await secondsOf(pair);
  const seconds = times.map((ms, i) => Math.min(2, (ms - (times[i - 1] ?? ms - 1_000)) / 1_000));
  return uplinks
    .flatMap(({ down }) => down.map((rate, i) => (rate * seconds[i]!) / 8))
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** What a page that is opened is told of the past. */
async function secondsOf({ host }: Pair): Promise<HistoryReport> {
  const answer = await fetch(`http://${host}:29101/events`, { signal: AbortSignal.timeout(5_000) });
  let text = '';
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const data = /^event: history\ndata: (.*)\n\n/m.exec(text)?.[1];
    if (data !== undefined) return JSON.parse(data) as HistoryReport;
  }
  throw new Error('the events ended');
}
