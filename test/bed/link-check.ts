import type { Bed } from './bed.ts';
import type { Direction } from './emulator.ts';
import { measureDatagrams, measureRtt } from './probe.ts';
import type { Uplink } from './uplink.ts';

/** One figure of an emulated link, measured from outside the emulator. */
export interface LinkFigure {
  /** With its unit. */
  readonly what: string;
  readonly asked: number;
  readonly measured: number;
  /** How far off it may be; absent when it is only shown. */
  readonly tolerance?: number;
}

/** Whether a figure is not what was asked for. */
export function isOff({ asked, measured, tolerance }: LinkFigure): boolean {
  return tolerance !== undefined && !(Math.abs(measured - asked) <= tolerance);
}

/** About how long {@link checkLinkBriefly} takes. */
export const LINK_CHECK_MS = 4_500;

/** Share by which a rate or a queue may be off. */
export const TOLERANCE = 0.03;
/** The part of the error that is the emulator's and the hosts', beyond what jitter makes of a mean. */
const RTT_TOLERANCE_MS = 0.5;
/** A sample of n independent events is this many standard deviations from its mean once in 15,000. */
const DEVIATIONS = 4;
const PING_GAP_MS = 10;
/** 16 bytes with UDP and IPv4 headers, both ways. */
const PING_BITS = 2 * 44 * 8;
const PACKET_BITS = 1500 * 8;
/** Losses must be counted for longer than their absence. */
const BRIEF = { pings: 30, floodMs: 500, excess: 0.3, lossMs: 1_500, noLossMs: 400 };

/** RTT, and rate and loss of both directions, in a few seconds. */
export async function checkLinkBriefly(bed: Bed, uplink: Uplink): Promise<LinkFigure[]> {
  const figures = [await checkRtt(bed, uplink, BRIEF.pings)];
  for (const direction of ['down', 'up'] as const) {
    const { rateMbps, lossPercent } = uplink.settings[direction];
    const flood = await measureDatagrams(
      bed,
      uplink,
      direction,
      rateMbps * (1 + BRIEF.excess),
      BRIEF.floodMs,
    );
    const lossMs = lossPercent > 0 ? BRIEF.lossMs : BRIEF.noLossMs;
    figures.push(
      rateFigure(uplink, direction, flood.rateMbps),
      await checkLoss(bed, uplink, direction, lossMs),
    );
  }
  return figures;
}

/** Round-trip time of so many small packets. */
export async function checkRtt(bed: Bed, uplink: Uplink, pings: number): Promise<LinkFigure> {
  const { up, down } = uplink.settings;
  const rtt = await measureRtt(bed, uplink, pings, PING_GAP_MS);
  const serialisationMs = PING_BITS / 2 / (up.rateMbps * 1000) + PING_BITS / 2 / (down.rateMbps * 1000);
  // Jitter drifts in steps of at least 5 ms and twice its size: so many independent samples.
  const samples = (pings * PING_GAP_MS) / Math.max(5, PING_GAP_MS, 2 * up.jitterMs);
  return {
    what: 'RTT, ms',
    asked: up.delayMs + down.delayMs + serialisationMs,
    measured: up.jitterMs ? rtt.meanMs : rtt.medianMs,
    tolerance: RTT_TOLERANCE_MS + (DEVIATIONS * up.jitterMs) / Math.sqrt(samples),
  };
}

/** Rate, delay with a full queue, and order, under more than the link can carry for so long. */
export async function checkOverload(
  bed: Bed,
  uplink: Uplink,
  direction: Direction,
  durationMs: number,
): Promise<LinkFigure[]> {
  const { rateMbps, queueMs, delayMs, jitterMs } = uplink.settings[direction];
  // The queue is full after half of the time, if it is not too deep for that.
  const excess = Math.min(2, Math.max(0.15, queueMs / (durationMs / 2)));
  const found = await measureDatagrams(bed, uplink, direction, rateMbps * (1 + excess), durationMs);
  const packetMs = PACKET_BITS / (rateMbps * 1000);
  return [
    rateFigure(uplink, direction, found.rateMbps),
    {
      what: `${direction} delay + queue, ms`,
      asked: delayMs + queueMs,
      measured: found.p90DelayMs,
      tolerance: (delayMs + queueMs) * TOLERANCE + jitterMs + packetMs + 1,
    },
    { what: `${direction} reordered`, asked: 0, measured: found.reordered, tolerance: 0 },
  ];
}

/** Random loss below the link's rate, over so long. */
export async function checkLoss(
  bed: Bed,
  uplink: Uplink,
  direction: Direction,
  durationMs: number,
): Promise<LinkFigure> {
  const { rateMbps, lossPercent } = uplink.settings[direction];
  const found = await measureDatagrams(bed, uplink, direction, rateMbps * 0.8, durationMs);
  const share = lossPercent / 100;
  const deviation = 100 * Math.sqrt((share * (1 - share)) / found.sent);
  const measured = 100 * (1 - found.received / found.sent);
  return { what: `${direction} loss, %`, asked: lossPercent, measured, tolerance: DEVIATIONS * deviation };
}

function rateFigure(uplink: Uplink, direction: Direction, measured: number): LinkFigure {
  const asked = uplink.settings[direction].rateMbps;
  return { what: `${direction} rate, Mbit/s`, asked, measured, tolerance: asked * TOLERANCE };
}
