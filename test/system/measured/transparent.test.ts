/*
 * A machine behind the client that knows of no proxy (support/lan.ts), and how much of the uplinks it gets.
 */
import { afterAll, beforeAll, test } from 'vitest';
import { goodputAbove, percent } from '../support/goodput.ts';
import { LAN_INTERFACE, Lan } from '../support/lan.ts';
import { TRANSPARENT, transparent } from '../support/redirection.ts';
import { describeSystem, report } from '../support/system.ts';
import { download } from '../support/transfer.ts';

const BYTES = 20_000_000;
/** Of what the token buckets let through as TCP payload. */
const SHARE = 0.9;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];
describeSystem('a machine behind the client', { paths, congestionControl: 'cubic' }, (system) => {
  let lan: Lan;
  beforeAll(async () => {
    const { network, pair } = system();
    lan = await Lan.create(network);
    await pair.amend(pair.clientFile, { transparent: TRANSPARENT });
    await pair.start();
  });
  afterAll(() => lan?.close());

  test.for([
    ['REDIRECT', []],
    ['TPROXY', ['--tproxy']],
  ] as const)('downloads over the sum of both uplinks, by %s', async ([how, options], context) => {
    const { pair, network } = system();
    await transparent(pair, '--apply', '--lan', LAN_INTERFACE, ...options);
    const possible = network.paths.reduce((sum, path) => sum + path.payloadMbps('down'), 0);
    const boundMbps = SHARE * possible;
    const begin = () => Promise.resolve(download(pair, BYTES, { without: { place: lan.machine } }));
    const found = await goodputAbove({ pair, context, bytes: BYTES, boundMbps }, begin);
    report(
      `goodput of a download by ${how}: ${found.mbps.toFixed(1)} Mbit/s of ${possible.toFixed(1)} ` +
        `(${percent(found.mbps / possible)}); waited for a processor ${percent(found.cpuWaitShare)} of a second`,
    );
  });
});
