import { expect, test } from 'vitest';
import { DirectOrigin } from '../support/direct-origin.ts';
import { SOCKS } from '../support/pair.ts';
import { describeSystem, report } from '../support/system.ts';

const DOWNLOADS = 8;
const BYTES = 3_000_000;
/** Of what the token buckets let through as TCP payload. */
const SHARE = 0.85;
const MAX_ATTEMPTS = 3;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];
describeSystem('eight direct downloads over two paths', { paths, congestionControl: 'cubic' }, (system) => {
  test('take the sum of both', async () => {
    const { network, pair } = system();
    const origin = await DirectOrigin.start(network);
    await pair.amend(pair.clientFile, { mode: 'direct', socks: { listen: SOCKS } });
    await pair.startClient();
    const possibleMbps = network.paths.reduce((sum, path) => sum + path.payloadMbps('down'), 0);
    let bestMbps = 0;
    for (let attempt = 0; attempt < MAX_ATTEMPTS && bestMbps < SHARE * possibleMbps; attempt++) {
      // From the second on, what the paths deliver is known.
      const before = await Promise.all(network.paths.map((path) => path.counters()));
      const startMs = performance.now();
      const ends = await Promise.all(
        origin.hosts.slice(0, DOWNLOADS).map(async (host) => {
          const answer = await origin.get(host, `bytes/${BYTES}`, 60);
          return { answer, endMs: performance.now() };
        }),
      );
      const after = await Promise.all(network.paths.map((path) => path.counters()));
      expect(ends.filter(({ answer }) => !DirectOrigin.isWhole(answer, BYTES))).toEqual([]);
      const seconds = (Math.max(...ends.map(({ endMs }) => endMs)) - startMs) / 1_000;
      const mbps = (DOWNLOADS * BYTES * 8) / 1e6 / seconds;
      bestMbps = Math.max(bestMbps, mbps);
      const carried = after.map(({ receivedBytes }, i) => (receivedBytes - before[i]!.receivedBytes) / 1e6);
      report(
        `direct, ${DOWNLOADS} downloads: ${mbps.toFixed(1)} Mbit/s of ${possibleMbps.toFixed(1)} ` +
          `(${Math.round((100 * mbps) / possibleMbps)} %), ${carried.map((mb) => mb.toFixed(1)).join(' and ')} MB`,
      );
    }
    origin.stop();
    expect(bestMbps).toBeGreaterThan(SHARE * possibleMbps);
  });
});
