/*
 * Measures the bed against what was asked of it: `node test/bed/build/self-check.js`, as root, after
 * `tsc -p test/bed/tsconfig.json`. Ends with 1 when a figure is off. About five minutes.
 */
import { createBed } from './bed.ts';
import type { Direction, DirectionSettings } from './emulator.ts';
import { checkLoss, checkOverload, checkRtt, isOff, type LinkFigure, TOLERANCE } from './link-check.ts';
import { measureTcp } from './probe.ts';
import type { Uplink, UplinkSpec } from './uplink.ts';

const PINGS = 150;
const OVERLOAD_MS = 1_500;
const LOSS_MS = 3_000;

/** Up to this round-trip time one CUBIC connection fills the link soon. Beyond it, the slowness of TCP would be measured. */
const MAX_JUDGED_TCP_RTT_MS = 200;

const CASES: readonly UplinkSpec[] = [
  { name: 'dsl-slow', rateMbps: 2, rttMs: 5, queueMs: 100 },
  { name: 'umts', rateMbps: 2, rttMs: 150, queueMs: 1000 },
  { name: 'wifi-lossy', rateMbps: 8, rttMs: 20, queueMs: 80, lossPercent: 1 },
  { name: 'cellular', rateMbps: 12, rttMs: 60, queueMs: 200, lossPercent: 0.5, jitterMs: 10 },
  { name: 'edge-of-cell', rateMbps: 5, rttMs: 110, queueMs: 400, lossPercent: 2, jitterMs: 5 },
  { name: 'wifi', rateMbps: 20, rttMs: 40, queueMs: 100 },
  { name: 'satellite', rateMbps: 25, rttMs: 600, queueMs: 300 },
  { name: 'hybrid', rateMbps: 40, rttMs: 50, queueMs: 200, up: { rateMbps: 15 } },
  { name: 'cable', rateMbps: 100, rttMs: 10, queueMs: 50 },
  { name: 'fiber-lossy', rateMbps: 100, rttMs: 30, queueMs: 50, lossPercent: 2, jitterMs: 2 },
  { name: 'fiber', rateMbps: 300, rttMs: 10, queueMs: 50 },
  { name: 'fast', rateMbps: 500, rttMs: 5, queueMs: 50 },
];

const failures: string[] = [];
for (const [index, spec] of CASES.entries()) {
  console.log(`${index + 1}/${CASES.length} ${describe(spec)}`);
  const congestionControl = spec.lossPercent ? 'bbr' : 'cubic';
  const bed = await createBed({ uplinks: [spec], congestionControl, seed: index + 1 });
  try {
    const uplink = bed.uplink(spec.name);
    report(spec, [await checkRtt(bed, uplink, PINGS)]);
    for (const direction of ['down', 'up'] as const) {
      report(spec, await checkOverload(bed, uplink, direction, OVERLOAD_MS));
      report(spec, [await checkLoss(bed, uplink, direction, LOSS_MS)]);
      report(spec, [await checkTcp(uplink, direction)]);
    }
    const { up, down } = await uplink.stats();
    const late = `mean ${Math.max(up.meanLateUs, down.meanLateUs)}, max ${Math.max(up.maxLateUs, down.maxLateUs)}`;
    console.log(`  emulator late by (us): ${late}`);
  } finally {
    await bed.close();
  }

  async function checkTcp(uplink: Uplink, direction: Direction): Promise<LinkFigure> {
    const { rateMbps, lossPercent } = uplink.settings[direction];
    const { rttMs, queueMs } = spec;
    const measured = await measureTcp(bed, uplink, direction, 2500 + 10 * rttMs + 2 * queueMs, 2000);
    const figure = { what: `${direction} TCP, Mbit/s`, asked: rateMbps, measured };
    // With random loss the rate depends on congestion control; without, one connection fills the link.
    return lossPercent || rttMs > MAX_JUDGED_TCP_RTT_MS
      ? figure
      : { ...figure, tolerance: rateMbps * TOLERANCE };
  }
}

console.log(failures.length === 0 ? 'all as asked' : `off:\n${failures.join('\n')}`);
process.exitCode = failures.length === 0 ? 0 : 1;

function report(spec: UplinkSpec, figures: readonly LinkFigure[]): void {
  for (const figure of figures) {
    const { what, asked, measured, tolerance } = figure;
    const off = isOff(figure);
    const ratio = asked === 0 ? '' : `x ${(measured / asked).toFixed(4)}`;
    const verdict = tolerance === undefined ? 'shown' : off ? 'OFF' : 'ok';
    const columns = [
      what.padEnd(24),
      asked.toFixed(3).padStart(9),
      measured.toFixed(3).padStart(9),
      ratio.padStart(10),
    ];
    console.log(`  ${columns.join(' ')}  ${verdict}`);
    if (off)
      failures.push(`${spec.name}: ${what} asked ${asked.toFixed(3)}, measured ${measured.toFixed(3)}`);
  }
}

function describe(spec: UplinkSpec): string {
  const settings: Partial<DirectionSettings> = {
    lossPercent: spec.lossPercent ?? 0,
    jitterMs: spec.jitterMs ?? 0,
  };
  return `${spec.name}: ${spec.rateMbps} Mbit/s, ${spec.rttMs} ms, queue ${spec.queueMs} ms, loss ${settings.lossPercent} %, jitter ${settings.jitterMs} ms`;
}
