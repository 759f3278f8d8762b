import { describe, expect, it } from 'vitest';
import { SIDES, type Side, type UplinkShape } from '../network.ts';
import { download, megabitsPerSecond } from '../steady.ts';
import { CELLULAR, DatagramBed, FIFTEENS, LOSSY, TWIN } from './datagram-bed.ts';
import { type FlowFigures, FlowRun, GAME, VIDEO, VIDEO_CALL_DOWN, VIDEO_CALL_UP, VOICE } from './flow-run.ts';

const CALL = { client: VOICE, concentrator: VOICE };
const SEEDS = [1, 2, 3];

function show(name: string, figures: FlowFigures): void {
  const { sent, lossShare, p50Ms, p95Ms, p99Ms, longestGapMs, reorderedShare } = figures;
  const text =
    `${name.padEnd(36)} ${sent} sent, ${percent(lossShare)} lost, p50 ${p50Ms.toFixed(1)}, p95 ${p95Ms.toFixed(1)}, ` +
    `p99 ${p99Ms.toFixed(1)} ms, at most ${longestGapMs.toFixed(1)} ms without, ${percent(reorderedShare)} reordered\n`;
  process.stdout.write(text);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

describe('a call over three cellular uplinks that pause for 400 to 800 ms', () => {
  const MS = 40_000;

  it.each(SEEDS)(
    'has a p99 delay of at most 0.3 of the best uplink, and loses no more, alone (seed %i)',
    (seed) => {
      const bed = new DatagramBed(CELLULAR, seed);
      bed.pauses(MS, [2_000, 5_000], [400, 800]);
      const plain = bed.world.uplinks.map((uplink) => bed.plain(uplink, CALL, MS));
      const run = new FlowRun(bed.world, CALL, MS);
      bed.world.advance(MS + 2_000);
      judge(run, plain, `alone, seed ${seed}`);
    },
  );

  it.each(SEEDS)('and in a mix of datagrams, with at most 10 percent more bytes (seed %i)', (seed) => {
    const bed = new DatagramBed(CELLULAR, seed);
    bed.pauses(MS, [2_000, 5_000], [400, 800]);
    const plain = bed.world.uplinks.map((uplink) => bed.plain(uplink, CALL, MS));
    const from = bed.network.sentBytes;
    const run = new FlowRun(bed.world, CALL, MS);
    const others = [
      new FlowRun(bed.world, { client: VIDEO_CALL_UP, concentrator: VIDEO_CALL_DOWN }, MS),
      new FlowRun(bed.world, { client: GAME, concentrator: GAME }, MS),
    ];
    bed.world.advance(MS + 2_000);
    judge(run, plain, `mixed, seed ${seed}`);
    const onceBytes = [run, ...others].reduce((sum, { onceBytes: bytes }) => sum + bytes, 0);
    const extraShare = (bed.network.sentBytes - from) / onceBytes - 1;
    process.stdout.write(`  ${percent(extraShare)} more bytes than one packet for each datagram\n`);
    expect(extraShare).toBeLessThan(0.1);
  });

  function judge(run: FlowRun, plain: ReturnType<DatagramBed['plain']>[], name: string): void {
    for (const side of SIDES) {
      const { figures } = run.meters[side];
      show(`${name}, from ${side}`, figures);
      const singles = plain.map((meters) => meters[side].figures);
      for (const [i, single] of singles.entries()) show(`  uplink ${i} alone`, single);
      expect(figures.p99Ms).toBeLessThan(0.3 * Math.min(...singles.map(({ p99Ms }) => p99Ms)));
      expect(figures.lossShare).toBeLessThanOrEqual(Math.min(...singles.map(({ lossShare }) => lossShare)));
    }
  }
});

const BEDS: readonly (readonly [string, readonly UplinkShape[]])[] = [
  ['twin', TWIN],
  ['cellular', CELLULAR],
];
describe.each(BEDS)('a call whose uplink becomes a silent black hole (%s)', (name, shapes) => {
  it.each(SEEDS)('is at most 100 ms without a datagram (seed %i)', (seed) => {
    const bed = new DatagramBed(shapes, seed);
    const run = new FlowRun(bed.world, CALL, 17_000);
    for (let i = 0; i < 4; i++) {
      // At any time between two datagrams.
      bed.world.advance(2_000 + bed.random.between(0, 20));
      const busiest = bed.busiest(300);
      bed.network.pause(busiest, 'vanish');
      bed.world.advance(2_000);
      bed.network.resume(busiest);
    }
    bed.world.advance(2_000);
    for (const side of SIDES) {
      const { figures } = run.meters[side];
      show(`${name}, seed ${seed}, from ${side}`, figures);
      expect(figures.longestGapMs).toBeLessThan(100);
    }
  });
});

it.each(SEEDS)(
  'a small flow loses at most 0.1 percent where each of two uplinks loses 2 percent (seed %i)',
  (seed) => {
    const bed = new DatagramBed(LOSSY, seed);
    const run = new FlowRun(bed.world, CALL, 30_000);
    bed.world.advance(32_000);
    for (const side of SIDES) {
      const { figures } = run.meters[side];
      show(`loss, seed ${seed}, from ${side}`, figures);
      expect(figures.lossShare).toBeLessThanOrEqual(0.001);
    }
  },
);

describe('20 Mbit/s over 15 + 15 Mbit/s', () => {
  const flows = (['lowest-latency', 'aggregate'] as const).flatMap((mode) =>
    SIDES.map((side) => [mode, side] as [typeof mode, Side]),
  );
  it.each(flows)('lose at most 0.5 percent, and reorder at most 1 percent (%s, from %s)', (mode, side) => {
    const bed = new DatagramBed(FIFTEENS);
    const run = new FlowRun(bed.world, { [side]: VIDEO }, 6_000, { mode });
    bed.world.advance(8_000);
    const { figures } = run.meters[side];
    show(`video ${mode}, from ${side}`, figures);
    expect(figures.lossShare).toBeLessThanOrEqual(0.005);
    expect(figures.reorderedShare).toBeLessThanOrEqual(0.01);
    // Neither uplink's queue was filled.
    expect(figures.p99Ms).toBeLessThan(80);
  });
});

describe.each(['reno', 'bbr'] as const)(
  'a call beside a bulk download over both uplinks (%s)',
  (congestionControl) => {
    it('has at most 1.5 of its delay otherwise, and bulk carries on', () => {
      const bed = new DatagramBed(TWIN.map((shape) => ({ ...shape, congestionControl })));
      const idle = new FlowRun(bed.world, CALL, 3_000);
      bed.world.advance(5_000);
      const stream = bed.world.openStream(download(1_000_000_000))!;
      const bulk = (ms: number) => {
        const from = stream.client.receivedBytes;
        bed.world.advance(ms);
        return megabitsPerSecond(stream.client.receivedBytes - from, ms);
      };
      bulk(3_000);
      const alone = bulk(5_000);
      const run = new FlowRun(bed.world, CALL, 9_000);
      const beside = bulk(8_500);
      bed.world.advance(1_000);
      process.stdout.write(`bulk ${alone.toFixed(2)} Mbit/s, beside a call ${beside.toFixed(2)}\n`);
      expect(beside).toBeGreaterThan(0.98 * alone);
      for (const side of SIDES) {
        show(`idle, from ${side}`, idle.meters[side].figures);
        show(`beside bulk, from ${side}`, run.meters[side].figures);
        expect(run.meters[side].figures.p95Ms).toBeLessThan(1.5 * idle.meters[side].figures.p95Ms);
      }
    });
  },
);
