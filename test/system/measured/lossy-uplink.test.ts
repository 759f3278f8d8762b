import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bed, createBed } from '../../bed/bed.ts';
import { BED_PLACE } from '../../lab/bed-place.ts';
import { startPair } from '../../lab/tributary-pair.ts';
import { TributarySetup } from '../../lab/tributary-setup.ts';
import { needs } from '../../support/needs.ts';
import { report } from '../support/system.ts';

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

  test('gets several subflows, and several times the rate', async () => {
    bed.origin.spawn(process.execPath, ['-e', ORIGIN], { stdio: 'ignore' });
    const uplinks = [{ name: 'wifi', interface: 'wifi' }];
    const { stop } = await startPair(bed, await setup.withUplinks(uplinks, 'cubic'), uplinks);
    try {
      const download = async (seconds: number) => {
        const { v4 } = bed.origin.address;
        const args = ['-s', '-o', '/dev/null', '--socks5', '127.0.0.1:1080', '--max-time', String(seconds)];
        const out = await bed.client.exec('sh', [
          '-c',
          `curl ${args.join(' ')} -w %{speed_download} http://${v4}:8080/ || true`,
        ]);
        return (Number(out) * 8) / 1e6;
      };
      const subflows = async () => {
        const text = await bed.client.exec('curl', ['-s', 'http://127.0.0.1:9101/metrics']);
        return Number(/^tributary_subflows\{uplink="wifi",state="active"\} (\d+)/m.exec(text)?.[1]);
      };
      const rates: string[] = [];
      const first = await download(3);
      rates.push(`${first.toFixed(1)}/${await subflows()}`);
      let last = 0;
      for (let i = 0; i < 5; i++) {
        last = await download(4);
        rates.push(`${last.toFixed(1)}/${await subflows()}`);
      }
      report(`1 % loss, 30 Mbit/s, 60 ms, CUBIC: ${rates.join(', ')} (Mbit/s, subflows)`);
      expect(await subflows()).toBeGreaterThan(3);
      expect(last).toBeGreaterThan(2.5 * first);
    } finally {
      await stop();
    }
  });
});
