import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CongestionControl, Network, whyNoNetwork } from './support/namespaces.ts';
import { Pair } from './support/pair.ts';
import { download, expectedSha256, type TransferResult, upload } from './support/transfer.ts';

const reason = whyNoNetwork();
const BOTH_BYTES = 24_000_000;
const ALONE_BYTES = 9_000_000;
/** Of what the token buckets let through as TCP payload; TLS and our frames take 0.3 % of it. */
const SHARE = 0.9;
const CONGESTION_CONTROLS: readonly CongestionControl[] = ['cubic', 'bbr'];

describe.skipIf(reason).each(CONGESTION_CONTROLS)(
  `one connection over 40 + 20 Mbit/s, %s${reason ? ` (skipped: ${reason})` : ''}`,
  (congestionControl) => {
    let network: Network;
    let pair: Pair;

    beforeAll(async () => {
      network = await Network.create({
        paths: [
          { name: 'wan0', downMbps: 40, upMbps: 40 },
          { name: 'wan1', downMbps: 20, upMbps: 20 },
        ],
        congestionControl,
      });
      pair = await Pair.create(network);
    });
    afterAll(async () => {
      await pair?.close();
      await network?.close();
    });

    test.each([
      ['download', 'down', download],
      ['upload', 'up', upload],
    ] as const)(
      '%s: the sum of both paths',
      async (name, direction, transfer) => {
        const measure = async (uplinks: readonly string[], bytes: number): Promise<TransferResult> => {
          await pair.start(pair.byInterface([...uplinks]));
          const result = await transfer(pair, bytes).done;
          expect(result).toMatchObject({ exitCode: 0, stderr: '', bytes, sha256: expectedSha256(bytes) });
          return result;
        };
        const wan0 = await measure(['wan0'], ALONE_BYTES);
        const wan1 = await measure(['wan1'], ALONE_BYTES);
        const both = await measure(['wan0', 'wan1'], BOTH_BYTES);

        const possible = network.paths.reduce((sum, path) => sum + path.payloadMbps(direction), 0);
        console.log(
          `goodput ${congestionControl} ${name}: both ${both.mbps.toFixed(1)} Mbit/s of ${possible.toFixed(1)} ` +
            `(${(both.mbps / possible).toFixed(3)}), alone ${wan0.mbps.toFixed(1)} and ${wan1.mbps.toFixed(1)}, ` +
            `of the sum ${(both.mbps / (wan0.mbps + wan1.mbps)).toFixed(3)}`,
        );
        expect(both.mbps).toBeGreaterThan(SHARE * possible);
        expect(both.mbps).toBeGreaterThan(SHARE * (wan0.mbps + wan1.mbps));
      },
      60_000,
    );
  },
);
