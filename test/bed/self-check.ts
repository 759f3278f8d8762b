/*
 * Measures the bed against what was asked of it: `node test/bed/build/self-check.js`, as root, after
 * `tsc -p test/bed/tsconfig.json`. Ends with 1 when a figure is off. About five minutes.
 */
import { createBed } from './bed.ts';
import type { Direction, DirectionSettings } from './emulator.ts';
import { measureDatagrams, measureRtt, measureTcp } from './probe.ts';
import type { Uplink, UplinkSpec } from './uplink.ts';

/** Share by which a rate or a queue may be off. */
const TOLERANCE = 0.03;
/** The part of the error that is the emulator's and the hosts', beyond what jitter makes of a mean. */
const RTT_TOLERANCE_MS = 0.5;
/** A sample of n independent events is this many standard deviations from its mean once in 15,000. */
const DEVIATIONS = 4;
const PINGS = 150;
const PING_GAP_MS = 10;
/** 16 bytes with UDP and IPv4 headers, both ways. */
const PING_BITS = 2 * 44 * 8;
const PACKET_BITS = 1500 * 8;

/** Where one CUBIC connection fills the link soon: beyond, TCP's own slowness would be measured. */
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

interface Figure {
  what: string;
  asked: number;
  measured: number;
  /** How far off it may be; absent when it is only shown. */
  tolerance?: number;
}

const failures: string[] = [];
for (const [index, spec] of CASES.entries()) {
  console.log(`${index + 1}/${CASES.length} ${describe(spec)}`);
  const congestionControl = spec.lossPercent ? 'bbr' : 'cubic';
  const bed = await createBed({ uplinks: [spec], congestionControl, seed: index + 1 });
  try {
    const uplink = bed.uplink(spec.name);
    report(spec, [await checkRtt(uplink)]);
    for (const direction of ['down', 'up'] as const) {
      report(spec, await checkOverload(uplink, direction));
      report(spec, [await checkLoss(uplink, direction)]);
      report(spec, [await checkTcp(uplink, direction)]);
    }
    const { up, down } = await uplink.stats();
    const late = `mean ${Math.max(up.meanLateUs, down.meanLateUs)}, max ${Math.max(up.maxLateUs, down.maxLateUs)}`;
    console.log(`  emulator late by (us): ${late}`);
  } finally {
    await bed.close();
  }

  async function checkRtt(uplink: Uplink): Promise<Figure> {
    const { delayMs: upMs, jitterMs } = uplink.settings.up;
    const { delayMs: downMs } = uplink.settings.down;
    const rtt = await measureRtt(bed, uplink, PINGS, PING_GAP_MS);
    const serialisationMs =
      PING_BITS / 2 / (uplink.settings.up.rateMbps * 1000) +
      PING_BITS / 2 / (uplink.settings.down.rateMbps * 1000);
    // Jitter drifts in steps of at least 5 ms and twice its size: so many independent samples.
    const samples = (PINGS * PING_GAP_MS) / Math.max(5, PING_GAP_MS, 2 * jitterMs);
    return {
      what: 'RTT, ms',
      asked: upMs + downMs + serialisationMs,
      measured: jitterMs ? rtt.meanMs : rtt.medianMs,
      tolerance: RTT_TOLERANCE_MS + (DEVIATIONS * jitterMs) / Math.sqrt(samples),
    };
  }

  async function checkOverload(uplink: Uplink, direction: Direction): Promise<Figure[]> {
    const { rateMbps, queueMs, delayMs, jitterMs } = uplink.settings[direction];
    // The queue is full after half of the time.
    const durationMs = 1500;
    const excess = Math.min(2, Math.max(0.15, queueMs / (durationMs / 2)));
    const found = await measureDatagrams(bed, uplink, direction, rateMbps * (1 + excess), durationMs);
    const packetMs = PACKET_BITS / (rateMbps * 1000);
    return [
      {
        what: `${direction} rate, Mbit/s`,
        asked: rateMbps,
        measured: found.rateMbps,
        tolerance: rateMbps * TOLERANCE,
      },
      {
        what: `${direction} delay + queue, ms`,
        asked: delayMs + queueMs,
        measured: found.p90DelayMs,
        tolerance: (delayMs + queueMs) * TOLERANCE + jitterMs + packetMs + 1,
      },
      { what: `${direction} reordered`, asked: 0, measured: found.reordered, tolerance: 0 },
    ];
  }

  async function checkLoss(uplink: Uplink, direction: Direction): Promise<Figure> {
    const { rateMbps, lossPercent } = uplink.settings[direction];
    const found = await measureDatagrams(bed, uplink, direction, rateMbps * 0.8, 3000);
    const share = lossPercent / 100;
    const deviation = 100 * Math.sqrt((share * (1 - share)) / found.sent);
    const measured = 100 * (1 - found.received / found.sent);
    return { what: `${direction} loss, %`, asked: lossPercent, measured, tolerance: DEVIATIONS * deviation };
  }

  async function checkTcp(uplink: Uplink, direction: Direction): Promise<Figure> {
    const { rateMbps, lossPercent } = uplink.settings[direction];
    const { rttMs, queueMs } = spec;
    const measured = await measureTcp(bed, uplink, direction, 2500 + 10 * rttMs + 2 * queueMs, 2000);
    const figure = { what: `${direction} TCP, Mbit/s`, asked: rateMbps, measured };
    // What BBR makes of random loss is BBR's; without loss one connection fills the link.
    return lossPercent || rttMs > MAX_JUDGED_TCP_RTT_MS
      ? figure
      : { ...figure, tolerance: rateMbps * TOLERANCE };
  }
}

console.log(failures.length === 0 ? 'all as asked' : `off:\n${failures.join('\n')}`);
process.exitCode = failures.length === 0 ? 0 : 1;

function report(spec: UplinkSpec, figures: readonly Figure[]): void {
  for (const { what, asked, measured, tolerance } of figures) {
    const off = tolerance !== undefined && !(Math.abs(measured - asked) <= tolerance);
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
