import { expect, test } from 'vitest';
import type { CongestionControl, Path } from './support/namespaces.ts';
import { describeSystem, expectWhole, report } from './support/system.ts';
import { download, upload } from './support/transfer.ts';

const BODY_BYTES = 7_000_000;
/** When the path goes. */
const CUT_AT_BYTES = 2_000_000;
const CONGESTION_CONTROLS: readonly CongestionControl[] = ['cubic', 'bbr'];
const DIRECTIONS = [
  { name: 'download', transfer: download },
  { name: 'upload', transfer: upload },
] as const;
const LOSSES = [
  { how: 'link down', lose: (path: Path) => path.linkDown(), regain: (path: Path) => path.linkUp() },
  { how: 'black hole', lose: (path: Path) => path.blackHole(), regain: (path: Path) => path.restore() },
] as const;
const CASES = LOSSES.flatMap((loss) => DIRECTIONS.map((direction) => ({ ...loss, ...direction })));

for (const congestionControl of CONGESTION_CONTROLS) {
  const paths = [
    { name: 'wan0', downMbps: 40, upMbps: 40 },
    { name: 'wan1', downMbps: 20, upMbps: 20 },
  ];
  describeSystem(`a lost path, ${congestionControl}`, { paths, congestionControl }, (system) => {
    test.each(CASES)('the faster path, $how, $name', async ({ how, name, transfer, lose, regain }) => {
      const { pair, network } = system();
      const path = network.path('wan0');
      await pair.start();
      const under = transfer(pair, BODY_BYTES);
      await under.reached(CUT_AT_BYTES);
      const since = pair.client.log.length;
      await lose(path);
      try {
        const { longestPauseMs } = await expectWhole(under, BODY_BYTES);
        // The path was really in use, and missed.
        const missed = pair.client.log.slice(since).find(({ msg }) => /^subflow (doubted|lost)$/.test(msg));
        expect(missed).toMatchObject({ uplink: path.name });
        report(`${how}, ${congestionControl}, ${name}: longest pause ${longestPauseMs.toFixed(0)} ms`);
      } finally {
        await regain(path);
      }
    });
  });
}
