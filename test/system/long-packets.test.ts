import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { PACKET_SIZES_FILE_NAME } from '../../client-proxy/packet-size/packet-sizes.ts';
import { DirectOrigin } from './support/direct-origin.ts';
import type { LongPackets } from './support/namespaces.ts';
import { describeSystem, expectWhole, report } from './support/system.ts';
import { download, upload } from './support/transfer.ts';

const BODY_BYTES = 10_000_000;
/** When packets begin to vanish. */
const CUT_AT_BYTES = 3_000_000;
const DIRECT_BYTES = 300_000;
const WAYS = { download, upload } as const;

interface Hole extends LongPackets {
  readonly packetBytes: number;
  /** The paths on which longer packets vanish. */
  readonly on: readonly string[];
}

interface Case extends Hole {
  readonly used: readonly string[];
  readonly way: keyof typeof WAYS;
}

const BOTH = ['wan0', 'wan1'];
const FROM_THE_START: readonly Case[] = [
  { packetBytes: 1400, on: ['wan0'], used: ['wan0'], way: 'download' },
  { packetBytes: 1300, on: ['wan0'], used: BOTH, way: 'upload' },
  // The concentrator's certificate does not get through either.
  { packetBytes: 600, on: BOTH, used: BOTH, way: 'download' },
  { packetBytes: 1300, on: ['wan0'], used: ['wan0'], way: 'download', family: 6 },
];
const IN_MID_TRANSFER: readonly Case[] = [
  { packetBytes: 1400, on: ['wan0'], used: ['wan0'], way: 'download', directions: ['down'] },
  { packetBytes: 1300, on: ['wan0'], used: ['wan0'], way: 'upload', directions: ['up'] },
  { packetBytes: 1400, on: ['wan0'], used: BOTH, way: 'download' },
  { packetBytes: 1300, on: ['wan0'], used: ['wan0'], way: 'download', family: 6 },
];

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];
describeSystem('long packets that vanish', { paths, congestionControl: 'cubic' }, (system) => {
  const title = '$packetBytes bytes on $on of $used, $way, family $family';

  /** Starts the pair over these uplinks. Resolves when a subflow is up on each. @returns how long that took, ms */
  async function start(used: readonly string[]): Promise<number> {
    const { pair, network } = system();
    for (const path of network.paths) await path.cutPackets();
    await pair.stopClient();
    await rm(join(dirname(pair.clientFile), 'usage', PACKET_SIZES_FILE_NAME), { force: true });
    await pair.startConcentrator();
    await pair.startClient(pair.byInterface([...used]));
    const sinceMs = performance.now();
    await pair.untilUp(used);
    return performance.now() - sinceMs;
  }

  async function withHole(hole: Hole, use: () => Promise<void>): Promise<void> {
    const holes = hole.on.map((name) => system().network.path(name));
    for (const path of holes) await path.swallowLong(hole.packetBytes, hole);
    try {
      await use();
    } finally {
      for (const path of holes) await path.restore();
    }
  }

  /** The uplinks carry, and their reasons say it, unless there was a way around. @returns how often they were dialled */
  async function expectFound({ on, family }: Hole): Promise<number> {
    const { client } = system().pair;
    if (family === undefined) {
      for (const uplink of on) {
        await client.untilLog((line) => line.uplink === uplink && /longer packets vanish/.test(line.msg));
        await expect
          .poll(() => client.metric('tributary_uplink_reason_info', { uplink, reason: 'small-packets' }))
          .toBe(1);
      }
    }
    expect(await client.metric('tributary_uplink_dials_total', { result: 'failed' })).toBe(0);
    return client.metric('tributary_uplink_dials_total');
  }

  test.each(FROM_THE_START)(`from the start: ${title}`, async (one) => {
    await withHole(one, async () => {
      const upMs = await start(one.used);
      const { mbps, longestPauseMs } = await expectWhole(
        WAYS[one.way](system().pair, BODY_BYTES),
        BODY_BYTES,
      );
      await expectFound(one);
      report(
        `packets above ${one.packetBytes} vanish on ${one.on} of ${one.used}, ${one.way}: up after ${upMs.toFixed(0)} ms, ` +
          `${mbps.toFixed(1)} Mbit/s, longest pause ${longestPauseMs.toFixed(0)} ms`,
      );
    });
  });

  test.each(IN_MID_TRANSFER)(`in mid-transfer: ${title}`, async (one) => {
    await start(one.used);
    const { pair } = system();
    const under = WAYS[one.way](pair, BODY_BYTES);
    await under.reached(CUT_AT_BYTES);
    const since = pair.client.log.length;
    const sinceMs = performance.now();
    await withHole(one, async () => {
      await pair.untilUp(one.on, since);
      const againMs = performance.now() - sinceMs;
      const { longestPauseMs } = await expectWhole(under, BODY_BYTES);
      const dials = await expectFound(one);
      // Not one after the other that stands still: the first, the one that took its place, and those that CUBIC asks for.
      expect(dials).toBeLessThanOrEqual(8);
      report(
        `packets above ${one.packetBytes} vanish on ${one.on} of ${one.used} in mid-${one.way}: up again after ` +
          `${againMs.toFixed(0)} ms, longest pause ${longestPauseMs.toFixed(0)} ms`,
      );
    });
  });

  test('what was learned holds after a restart, and for direct connections', async () => {
    const { pair, network } = system();
    const isSmall = () =>
      pair.client.metric('tributary_uplink_reason_info', { uplink: 'wan0', reason: 'small-packets' });
    const direct = await DirectOrigin.start(network);
    try {
      await withHole({ packetBytes: 1400, on: ['wan0'] }, async () => {
        await start(['wan0']);
        await expect.poll(isSmall, { timeout: 5_000 }).toBe(1);
        await pair.amend(pair.clientFile, {
          steering: { rules: [{ cidr: '51.51.51.0/24', direct: 'wan0' }] },
        });
        const sinceMs = performance.now();
        await pair.startClient(pair.byInterface(['wan0']));
        await pair.untilUp(['wan0']);
        const upMs = performance.now() - sinceMs;
        await expect.poll(isSmall, { timeout: 5_000 }).toBe(1);
        expect(pair.client.log.filter(({ msg }) => /longer packets vanish/.test(msg))).toEqual([]);
        const answer = await direct.get(direct.hosts[0]!, `bytes/${DIRECT_BYTES}`);
        expect(DirectOrigin.isWhole(answer, DIRECT_BYTES)).toBe(true);
        report(
          `packets above 1400 vanish: up ${upMs.toFixed(0)} ms after a restart, ` +
            `${DIRECT_BYTES} bytes directly in ${answer.tookMs.toFixed(0)} ms`,
        );
      });
    } finally {
      direct.stop();
    }
  });
});
