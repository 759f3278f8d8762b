import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { CpuWitness } from '../../lab/cpu-witness.ts';
import { measureCalmly } from '../../support/measure-calmly.ts';
import { DirectOrigin } from '../support/direct-origin.ts';
import { SOCKS } from '../support/pair.ts';
import { describeSystem, report } from '../support/system.ts';

const DOWNLOADS = 8;
const BYTES = 4_500_000;
/** Of the rates of both paths, Ethernet frames with headers, while all downloads are under way. */
const SHARE = 0.85;
/** What is looked at: TCP has started by then, and nothing has ended yet. */
const FROM_MS = 1_000;
const FOR_MS = 3_000;
const MAX_ATTEMPTS = 4;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];
describeSystem('eight direct downloads over two paths', { paths, congestionControl: 'cubic' }, (system) => {
  test('take the sum of both, and are shared out by what each has delivered', async (context) => {
    const { network, pair } = system();
    const origin = await DirectOrigin.start(network);
    await pair.amend(pair.clientFile, { mode: 'direct', direct: { sticky: '0s' }, socks: { listen: SOCKS } });
    await pair.startClient();
    const received = () =>
      Promise.all(network.paths.map(async (path) => (await path.counters()).receivedBytes));
    const possibleMbps = paths.reduce((sum, { downMbps }) => sum + downMbps, 0);
    const measure = async (witness: CpuWitness) => {
      witness.watch(pair.client.pid);
      let bestShare = 0;
      let lastRatio = 0;
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const first = await received();
        const answers = Promise.all(
          origin.hosts.slice(0, DOWNLOADS).map((host) => origin.get(host, `bytes/${BYTES}`, 60)),
        );
        await sleep(FROM_MS);
        const before = await received();
        const startMs = performance.now();
        await sleep(FOR_MS);
        const after = await received();
        const seconds = (performance.now() - startMs) / 1_000;
        expect((await answers).filter((answer) => !DirectOrigin.isWhole(answer, BYTES))).toEqual([]);
        const last = await received();
        const mbps = after.map((bytes, i) => ((bytes - before[i]!) * 8) / 1e6 / seconds);
        const share = mbps.reduce((sum, one) => sum + one) / possibleMbps;
        const [fast, slow] = last.map((bytes, i) => bytes - first[i]!) as [number, number];
        lastRatio = fast / slow;
        bestShare = Math.max(bestShare, share);
        report(
          `direct, ${DOWNLOADS} downloads, run ${attempt + 1}: ${mbps.map((one) => one.toFixed(1)).join(' and ')} Mbit/s, ` +
            `${Math.round(100 * share)} % of the sum; bytes ${lastRatio.toFixed(2)} to 1`,
        );
        // What the paths deliver is known from the second run on.
        if (attempt > 0 && bestShare >= SHARE && lastRatio > 1.3) break;
      }
      return { bestShare, lastRatio };
    };
    await measureCalmly(context, measure, ({ bestShare, lastRatio }) => {
      expect(bestShare).toBeGreaterThanOrEqual(SHARE);
      // 5 to 3 or 6 to 2, at rates of 2 to 1.
      expect(lastRatio).toBeGreaterThan(1.3);
      expect(lastRatio).toBeLessThan(4);
    });
    origin.stop();
  });
});
