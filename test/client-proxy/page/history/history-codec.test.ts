import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { CONCENTRATOR_EVENTS } from '../../../../client-proxy/concentrators/concentrator-event.ts';
import {
  HISTORY_FORMAT,
  type KeptHistory,
  MAX_KEPT_UPLINKS,
} from '../../../../client-proxy/page/history/history-codec.ts';

const NOW_MS = 1_790_000_000_000;

const series = (samples: number, stepMs: number, names: readonly string[], rate: (i: number) => number) => ({
  times: Array.from({ length: samples }, (_, i) => NOW_MS - (samples - i) * stepMs),
  uplinks: names.map((name) => ({
    name,
    down: Array.from({ length: samples }, (_, i) => rate(i)),
    up: Array.from({ length: samples }, (_, i) => rate(i + 7)),
  })),
});
const history = (names: readonly string[], rate: (i: number) => number = (i) => i * 1_000): KeptHistory => ({
  seconds: series(3_600, 1_000, names, rate),
  minutes: series(1_440, 60_000, names, rate),
  days: names.map((name) => ({
    name,
    days: [{ startMs: NOW_MS - 1, sentBytes: 12, receivedBytes: 2 ** 50 }],
  })),
  changes: [
    {
      ...{ atMs: NOW_MS, uplink: 'lte', state: 'doubted', cause: 'silent', reason: 'silent for 171 ms' },
      ...{ before: 'in-use', lost: 0, lostBefore: 0 },
    },
    {
      ...{ atMs: NOW_MS, uplink: 'lte', state: 'in-use', cause: 'none', reason: 'in use' },
      ...{ before: null, lost: 3, lostBefore: 2 },
    },
  ],
  concentratorChanges: [
    { atMs: NOW_MS, concentrator: 'paris', kind: 'chosen', reason: 'frankfurt cannot be reached' },
  ],
});
const encode = async (kept: KeptHistory) => Buffer.from(await HISTORY_FORMAT.encode(kept));
/** Pseudo-random rates, which no compression makes smaller. */
let drawn = 0;
const noise = () => {
  const far = Math.sin(++drawn * 12.9898) * 43_758.5453;
  return 50e6 * (far - Math.floor(far));
};

describe('the file of the history', () => {
  it('holds the same, and rates to a thousandth', async () => {
    const kept = history(['dsl', 'lte'], (i) => i * 123_457);
    const read = (await HISTORY_FORMAT.decode(await encode(kept)))!;
    expect([read.days, read.changes, read.concentratorChanges]).toEqual([
      ...[kept.days, kept.changes, kept.concentratorChanges],
    ]);
    for (const key of ['seconds', 'minutes'] as const) {
      expect(read[key].times).toEqual(kept[key].times);
      for (const { name, down, up } of kept[key].uplinks) {
        const found = read[key].uplinks.find((one) => one.name === name)!;
        for (const [was, is] of [
          [down, found.down],
          [up, found.up],
        ] as const)
          for (const [i, rate] of was.entries())
            expect(Math.abs(is[i]! - rate)).toBeLessThanOrEqual(8 + rate / 1_000);
      }
    }
  });

  it('is empty, too', async () => {
    const nothing = { times: [], uplinks: [] };
    const kept = { seconds: nothing, minutes: nothing, days: [], changes: [], concentratorChanges: [] };
    expect(await HISTORY_FORMAT.decode(await encode(kept))).toEqual(kept);
  });

  it('is as earlier versions have it where there is a single concentrator', async () => {
    const plain = gunzipSync(await encode({ ...history(['dsl']), concentratorChanges: [] }));
    expect(plain.toString('utf8', 12, 12 + plain.readUInt32LE(8))).not.toContain('oncentrator');
  });

  it('has only kinds of events that earlier versions read, which refuse a file with others', async () => {
    const one = history([]).concentratorChanges[0]!;
    const concentratorChanges = CONCENTRATOR_EVENTS.map((kind) => ({ ...one, kind }));
    const plain = gunzipSync(await encode({ ...history(['dsl']), concentratorChanges }));
    const head = JSON.parse(plain.toString('utf8', 12, 12 + plain.readUInt32LE(8)));
    const EARLIER = z.strictObject({
      ...{ atMs: z.int(), concentrator: z.string(), reason: z.string() },
      kind: z.enum(['chosen', 'lost', 'back']),
    });
    const read = z.array(EARLIER).parse(head.concentratorChanges);
    expect(read.map(({ kind }) => kind)).toEqual(['chosen', 'lost', 'lost', 'back']);
  });

  it('cuts reasons that are long', async () => {
    const changes = [{ ...history([]).concentratorChanges[0]!, reason: 'x'.repeat(1_000) }];
    const read = await HISTORY_FORMAT.decode(await encode({ ...history([]), concentratorChanges: changes }));
    expect(read!.concentratorChanges[0]!.reason).toHaveLength(300);
  });

  it.each([
    [1, 40_000],
    [3, 70_000],
    [MAX_KEPT_UPLINKS, 360_000],
    [64, 360_000],
  ])('of %i uplinks has at most %i bytes, whatever they carry', async (count, most) => {
    const names = Array.from({ length: count }, (_, i) => `uplink${i}`);
    const kept = { ...history(names, noise), days: [] };
    const file = await encode(kept);
    console.log(`history of ${count} uplinks: ${file.length} bytes`);
    expect(file.length).toBeLessThan(most);
    expect((await HISTORY_FORMAT.decode(file))?.seconds.uplinks).toHaveLength(
      Math.min(count, MAX_KEPT_UPLINKS),
    );
  });

  it('keeps of too many uplinks those that carried most, and none that carried nothing', async () => {
    const kept = history(['idle'], () => 0);
    const busy = history(
      Array.from({ length: MAX_KEPT_UPLINKS + 4 }, (_, i) => `uplink${i}`),
      () => 0,
    );
    busy.seconds.uplinks.forEach(({ down }, i) => {
      (down as number[])[0] = 1_000 * i;
    });
    expect((await HISTORY_FORMAT.decode(await encode(kept)))!.seconds.uplinks).toEqual([]);
    const names = (await HISTORY_FORMAT.decode(await encode(busy)))!.seconds.uplinks.map(({ name }) => name);
    expect(names).toHaveLength(MAX_KEPT_UPLINKS);
    expect(names).not.toContain('uplink3');
    expect(names).toContain('uplink4');
  });

  it('is damaged when a bit of it is another, when it ends early, or has more behind it', async () => {
    const file = await encode(history(['dsl']));
    const whole = await HISTORY_FORMAT.decode(file);
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(file.length - 1), fc.nat(7), async (at, bit) => {
        const damaged = Buffer.from(file);
        damaged[at]! ^= 1 << bit;
        const read = await HISTORY_FORMAT.decode(damaged);
        // Some bits say nothing: those of a time, of a system, and those that fill the last byte.
        if (read !== undefined) expect(read).toEqual(whole);
        else refused += 1;
      }),
      { numRuns: 200 },
    );
    expect(refused).toBeGreaterThan(100);
    for (const length of [0, 1, 9, 100, file.length - 1])
      expect(await HISTORY_FORMAT.decode(file.subarray(0, length))).toBeUndefined();
    const plain = gunzipSync(file);
    for (const other of [Buffer.concat([plain, Buffer.alloc(2)]), plain.subarray(0, -2), plain.subarray(1)])
      expect(await HISTORY_FORMAT.decode(gzipSync(other))).toBeUndefined();
  });

  it.each([
    ['another version', (text: string) => text.replace('"version":1', '"version":2')],
    ['a state that there is not', (text: string) => text.replace('"doubted"', '"haunted"')],
    ['more samples than may be', (text: string) => text.replace('"samples":3600', '"samples":9999')],
    ['no JSON', () => 'hello'],
  ])('with %s is not taken', async (_, edit) => {
    const plain = gunzipSync(await encode(history(['dsl'])));
    const end = 12 + plain.readUInt32LE(8);
    const head = Buffer.from(edit(plain.toString('utf8', 12, end)));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(head.length);
    const edited = Buffer.concat([plain.subarray(0, 8), length, head, plain.subarray(end)]);
    expect(await HISTORY_FORMAT.decode(gzipSync(edited))).toBeUndefined();
  });

  it('that would be huge once it is unpacked is not unpacked', async () => {
    expect(await HISTORY_FORMAT.decode(gzipSync(Buffer.alloc(50_000_000)))).toBeUndefined();
  });
});
