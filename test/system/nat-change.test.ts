import { afterEach, beforeEach, expect, test } from 'vitest';
import { Modem } from './support/modem.ts';
import { describeSystem, expectWhole, report } from './support/system.ts';
import { download, upload } from './support/transfer.ts';

const BODY_BYTES = 12_000_000;
const CHANGE_AT_BYTES = 3_000_000;
/** 0.3 s or so on an idle machine; the rest is for one that is busy, where a TLS handshake takes long. */
const PAUSE_MS = 1_500;
const paths = [{ name: 'wan0', downMbps: 20, upMbps: 20 }];

const CASES = [
  { name: 'a download over it alone', transfer: download, others: [], forgets: false },
  { name: 'an upload over it alone', transfer: upload, others: [], forgets: false },
  { name: 'a download beside another uplink', transfer: download, others: ['wan0'], forgets: false },
  { name: 'a download over it alone, without a reset', transfer: download, others: [], forgets: true },
  { name: 'an upload over it alone, without a reset', transfer: upload, others: [], forgets: true },
] as const;

/*
 * The modem's network gives it another address. Its link to the client stays as it is, so that nothing tells the client.
 * Addresses of a `masquerade` rule take their connections with them when they are removed, as `conntrack -F` would.
 */
describeSystem('an address change behind a NAT', { paths, congestionControl: 'bbr' }, (system) => {
  let modem: Modem;
  let count = 0;
  beforeEach(async () => {
    count++;
    modem = await Modem.plugIn(system().network, `lte${count}`, 6 + count);
  });
  afterEach(() => modem.unplug());

  test.each(CASES)('$name: a short pause', async ({ name, transfer, others, forgets }) => {
    const { pair } = system();
    await modem.forgetConnections(forgets);
    await pair.start(pair.byInterface([modem.name, ...others]));
    const under = transfer(pair, BODY_BYTES);
    await under.reached(CHANGE_AT_BYTES);
    await modem.changeAddress(77);
    const { longestPauseMs } = await expectWhole(under, BODY_BYTES);
    report(`${name}: longest pause ${longestPauseMs.toFixed(0)} ms`);
    expect(longestPauseMs).toBeLessThan(PAUSE_MS);
  });
});
