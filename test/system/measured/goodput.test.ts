import { expect, test } from 'vitest';
import { goodputAbove, percent } from '../support/goodput.ts';
import type { CongestionControl } from '../support/namespaces.ts';
import { describeSystem, expectWhole, report } from '../support/system.ts';
import { download, upload } from '../support/transfer.ts';

const BOTH_BYTES = 20_000_000;
const ALONE_BYTES = 5_000_000;
/** Of what the token buckets let through as TCP payload; TLS and our frames take 0.3 % of it. */
const SHARE = 0.9;
const CONGESTION_CONTROLS: readonly CongestionControl[] = ['cubic', 'bbr'];
const DIRECTIONS = [
  { name: 'download', direction: 'down', transfer: download },
  { name: 'upload', direction: 'up', transfer: upload },
] as const;

for (const congestionControl of CONGESTION_CONTROLS) {
  const paths = [
    { name: 'wan0', downMbps: 40, upMbps: 40 },
    { name: 'wan1', downMbps: 20, upMbps: 20 },
  ];
  describeSystem(
    `one connection over two paths, ${congestionControl}`,
    { paths, congestionControl },
    (system) => {
      /** By direction: goodput of each path alone. */
      const alone = new Map<string, number[]>();

      test('both ends use it', async () => {
        const { pair, network } = system();
        await pair.start();
        for (const end of [network.client, network.concentrator]) {
          const subflows = await end.exec('ss', [
            '-tinH',
            'state',
            'established',
            '( dport = 8443 or sport = 8443 )',
          ]);
          expect(subflows.match(new RegExp(`^\\s+.*\\b${congestionControl}\\b`, 'gm'))).toHaveLength(2);
        }
      });

      test.for(['wan0', 'wan1'])('%s alone', async (name) => {
        const { pair } = system();
        await pair.start(pair.byInterface([name]));
        for (const { direction, transfer } of DIRECTIONS) {
          const { mbps } = await expectWhole(transfer(pair, ALONE_BYTES), ALONE_BYTES);
          alone.set(direction, [...(alone.get(direction) ?? []), mbps]);
        }
      });

      test.for(DIRECTIONS)('$name: the sum of both', async ({ name, direction, transfer }, context) => {
        const { pair, network } = system();
        const possible = network.paths.reduce((sum, path) => sum + path.payloadMbps(direction), 0);
        const singles = alone.get(direction) ?? [];
        const boundMbps = SHARE * Math.max(possible, singles[0]! + singles[1]!);
        const begin = async () => {
          await pair.start();
          return transfer(pair, BOTH_BYTES);
        };
        const found = await goodputAbove({ pair, context, bytes: BOTH_BYTES, boundMbps }, begin);
        report(
          `goodput, ${congestionControl}, ${name}: ${found.mbps.toFixed(1)} Mbit/s of ${possible.toFixed(1)} ` +
            `(${percent(found.mbps / possible)}); alone ${singles.map((mbps) => mbps.toFixed(1)).join(' and ')}; ` +
            `longest pause ${found.longestPauseMs.toFixed(0)} ms; waited for a processor ${percent(found.cpuWaitShare)} of a second`,
        );
      });
    },
  );
}
