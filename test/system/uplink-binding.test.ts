import { expect, test } from 'vitest';
import { describeSystem, expectWhole, report, type System } from './support/system.ts';
import { download, upload } from './support/transfer.ts';

const BODY_BYTES = 6_000_000;
/** Frames, packets, TLS and acknowledgements of the other direction may add as much to what the metrics count. */
const MAX_OVERHEAD = 1.1;
const DIRECTIONS = [
  { name: 'download', counter: 'receivedBytes', label: 'received', transfer: download },
  { name: 'upload', counter: 'sentBytes', label: 'sent', transfer: upload },
] as const;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 40, upMbps: 40 },
];
describeSystem('uplinks', { paths, congestionControl: 'bbr' }, (system) => {
  const bindings = [
    { how: 'interface', uplinks: ({ pair }: System) => pair.byInterface() },
    { how: 'IPv4 address', uplinks: ({ pair }: System) => pair.byAddress('v4') },
    { how: 'IPv6 address', uplinks: ({ pair }: System) => pair.byAddress('v6') },
  ] as const;

  test.each(bindings)('bound by $how carry what the metrics say', async ({ how, uplinks }) => {
    const { pair, network } = system();
    await pair.start(uplinks(system()));
    for (const { name, counter, label, transfer } of DIRECTIONS) {
      const before = await Promise.all(network.paths.map((path) => path.counters()));
      const counted = () =>
        Promise.all(
          network.paths.map((path) =>
            pair.client.metric('tributary_uplink_bytes_total', { uplink: path.name, direction: label }),
          ),
        );
      const countedBefore = await counted();
      await expectWhole(transfer(pair, BODY_BYTES), BODY_BYTES);
      const countedAfter = await counted();
      const figures = await Promise.all(
        network.paths.map(async (path, i) => {
          const onDevice = (await path.counters())[counter] - before[i]![counter];
          return { name: path.name, onDevice, told: countedAfter[i]! - countedBefore[i]! };
        }),
      );
      const shown = figures.map(
        (one) =>
          `${one.name} ${one.onDevice} on the device, ${one.told} told (${(one.onDevice / one.told).toFixed(3)})`,
      );
      report(`binding by ${how}, ${name}: ${shown.join('; ')}`);
      for (const { onDevice, told } of figures) {
        // Both paths are used, and nothing goes where the metrics do not say.
        expect(told).toBeGreaterThan(BODY_BYTES / 5);
        expect(onDevice / told).toBeGreaterThan(1);
        expect(onDevice / told).toBeLessThan(MAX_OVERHEAD);
      }
    }
  });
});
