import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { describeSystem, expectWhole, report } from './support/system.ts';
import { download, upload } from './support/transfer.ts';

const BODY_BYTES = 7_000_000;
const CUT_AT_BYTES = 2_000_000;
const OUTAGE_MS = 10_000;
/** The last part of the address with which the path comes back. */
const OTHER_HOST = 77;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];
describeSystem('every path lost for ten seconds', { paths, congestionControl: 'bbr' }, (system) => {
  test('a download and an upload go on over one path with another address', async () => {
    const { pair, network } = system();
    const wan1 = network.path('wan1');
    await pair.start();
    const transfers = [download(pair, BODY_BYTES), upload(pair, BODY_BYTES)];
    await Promise.all(transfers.map((transfer) => transfer.reached(CUT_AT_BYTES)));
    const before = wan1.address.v4;
    await Promise.all(network.paths.map((path) => path.linkDown()));
    await sleep(OUTAGE_MS);
    const since = pair.client.log.length;
    await wan1.linkUp(OTHER_HOST);
    const regainedMs = performance.now();
    expect(wan1.address.v4).not.toBe(before);
    await pair.untilUp(['wan1'], since);
    const redialMs = performance.now() - regainedMs;
    const results = await Promise.all(transfers.map((transfer) => expectWhole(transfer, BODY_BYTES)));
    const pauses = results.map(({ longestPauseMs }) => (longestPauseMs / 1000).toFixed(1));
    report(
      `outage of 10 s: subflow up ${redialMs.toFixed(0)} ms after the link; ` +
        `longest pause ${pauses[0]} s down, ${pauses[1]} s up`,
    );
  });
});
