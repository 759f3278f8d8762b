import { expect, test } from 'vitest';
import { goodputAbove } from '../support/goodput.ts';
import type { Pair } from '../support/pair.ts';
import { describeSystem, expectWhole, report } from '../support/system.ts';
import { download } from '../support/transfer.ts';

const FAST_BYTES = 20_000_000;
const SLOW_BYTES = 500_000_000;
/** Bytes per second: 1.6 of the 60 Mbit/s. */
const SLOW_RATE = 200_000;
/** Of what the fast connection gets without the slow one. */
const SHARE = 0.8;
/** Memory of a session by default. */
const MAX_GROWTH_BYTES = 64 << 20;
/** The origin is held back when it could send nothing for so long. */
const HELD_BACK_MS = 1_000;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];
describeSystem('a slow reader', { paths, congestionControl: 'bbr' }, (system) => {
  test('holds back its own origin only, in bounded memory', async (context) => {
    const { pair } = system();
    await pair.start();
    const alone = await expectWhole(download(pair, FAST_BYTES), FAST_BYTES);
    const before = await residentBytes(pair);

    const slow = download(pair, SLOW_BYTES, { limitRate: SLOW_RATE });
    const sent = await heldBack(pair);
    const filled = await residentBytes(pair);
    const boundMbps = SHARE * alone.mbps;
    const found = await goodputAbove({ pair, context, bytes: FAST_BYTES, boundMbps }, async () =>
      download(pair, FAST_BYTES),
    );
    const after = await residentBytes(pair);
    const taken = slow.bytes;
    await slow.abort();

    report(
      `slow reader: fast ${found.mbps.toFixed(1)} Mbit/s beside it, ${alone.mbps.toFixed(1)} alone; ` +
        `the slow one's origin was held back at ${mib(sent)}, of which ${mib(taken)} were read at the end; ` +
        `client ${mib(before[0])} -> ${mib(filled[0])} -> ${mib(after[0])}, ` +
        `concentrator ${mib(before[1])} -> ${mib(filled[1])} -> ${mib(after[1])}`,
    );
    expect(sent).toBeLessThan(SLOW_BYTES / 4);
    for (const i of [0, 1] as const) {
      expect(Math.max(filled[i], after[i]) - before[i]).toBeLessThan(MAX_GROWTH_BYTES);
    }
  });
});

/** Of the client and of the concentrator. */
function residentBytes({ client, concentrator }: Pair): Promise<[number, number]> {
  return Promise.all([client.residentBytes(), concentrator.residentBytes()]);
}

/** Resolves, to the bytes sent, when the origin can send no more. */
function heldBack({ origin }: Pair): Promise<number> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    origin.onProgress = (_kind, bytes) => {
      clearTimeout(timer);
      timer = setTimeout(() => resolve(bytes), HELD_BACK_MS);
    };
  });
}

function mib(bytes: number): string {
  return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}
