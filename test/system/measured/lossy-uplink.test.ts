import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bed, createBed } from '../../bed/bed.ts';
import { BED_PLACE } from '../../lab/bed-place.ts';
import type { CpuWitness } from '../../lab/cpu-witness.ts';
import { startPair } from '../../lab/tributary-pair.ts';
import { TributarySetup } from '../../lab/tributary-setup.ts';
import { measureCalmly } from '../../support/measure-calmly.ts';
import { needs } from '../../support/needs.ts';
import { report } from '../support/system.ts';

/** Before subflows are added, and how long each look at what they bring is. */
const FIRST_SECONDS = 3;
const ROUND_SECONDS = 4;
/** By then it has what it should; on a machine of its own it has after one. */
const MOST_ROUNDS = 8;
const LEAST_SUBFLOWS = 4;
const LEAST_GAIN = 2.5;

/** Serves zeros without end. */
const ORIGIN = `const z = Buffer.alloc(65536);
require('http').createServer((q, r) => { const w = () => { while (r.write(z)); }; r.on('drain', w); w(); }).listen(8080);`;

describe('an uplink that loses 1 % of its packets, with CUBIC', needs('bed'), () => {
  let bed: Bed;
  let setup: TributarySetup;

  beforeAll(async () => {
    bed = await createBed({
      uplinks: [{ name: 'wifi', rateMbps: 30, rttMs: 60, queueMs: 100, lossPercent: 1 }],
      congestionControl: 'cubic',
    });
    setup = await TributarySetup.create(BED_PLACE);
  });
  afterAll(async () => {
    await bed?.close();
    await setup?.remove();
  });

  test('gets several subflows, and several times the rate', async (context) => {
    bed.origin.spawn(process.execPath, ['-e', ORIGIN], { stdio: 'ignore' });
    await measureCalmly(context, measure, ({ first, last, count }) => {
      expect(count).toBeGreaterThanOrEqual(LEAST_SUBFLOWS);
      expect(last).toBeGreaterThan(LEAST_GAIN * first);
    });
  });

  /** Rates in Mbit/s before subflows are added and at the end, when there are so many. */
  async function measure(witness: CpuWitness) {
    const uplinks = [{ name: 'wifi', interface: 'wifi' }];
    const { processes, stop } = await startPair(bed, await setup.withUplinks(uplinks, 'cubic'), uplinks);
    for (const { pid } of processes) witness.watch(pid);
    try {
      const first = await download(FIRST_SECONDS);
      const found = [`${first.toFixed(1)}/${await subflows()}`];
      let [last, count] = [0, 0];
      const isMet = () => count >= LEAST_SUBFLOWS && last > LEAST_GAIN * first;
      for (let round = 0; round < MOST_ROUNDS && !isMet(); round++) {
        last = await download(ROUND_SECONDS);
        count = await subflows();
        found.push(`${last.toFixed(1)}/${count}`);
      }
      report(`1 % loss, 30 Mbit/s, 60 ms, CUBIC: ${found.join(', ')} (Mbit/s, subflows)`);
      return { first, last, count };
    } finally {
      await stop();
    }
  }

  async function download(seconds: number): Promise<number> {
    const { v4 } = bed.origin.address;
    const args = ['-s', '-o', '/dev/null', '--socks5', '127.0.0.1:1080', '--max-time', String(seconds)];
    const out = await bed.client.exec('sh', [
      '-c',
      `curl ${args.join(' ')} -w %{speed_download} http://${v4}:8080/ || true`,
    ]);
    return (Number(out) * 8) / 1e6;
  }

  async function subflows(): Promise<number> {
    const text = await bed.client.exec('curl', ['-s', 'http://127.0.0.1:9101/metrics']);
    return Number(/^tributary_subflows\{uplink="wifi",state="active"\} (\d+)/m.exec(text)?.[1]);
  }
});
