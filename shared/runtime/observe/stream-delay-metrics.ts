import type { Registry } from 'prom-client';
import { DelayCounts } from '../../protocol/delay-counts.ts';
import { type DelayRecord, STREAM_DELAY_BOUNDS_MS } from '../../protocol/stream/stream-delays.ts';
import { type HistogramSample, registerHistogram } from './scraped-histogram.ts';

/** Openings are counted up to each of these, in milliseconds: a round trip or two, a lookup, a lost packet, an origin that is far. */
const OPEN_BOUNDS_MS = [5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000] as const;

/** How long streams of a program take to be opened. */
export function openTimes(): DelayCounts {
  return new DelayCounts(OPEN_BOUNDS_MS);
}

export interface StreamDelaySource {
  readonly openTimes: DelayCounts;
  /** Of all sessions. */
  readonly delays: DelayRecord;
}

/** Registers how long streams took to be opened, and how long their bytes have waited. */
export function registerStreamDelays(registry: Registry, { openTimes, delays }: StreamDelaySource): void {
  const none = { labelNames: [] } as const;
  registerHistogram(registry, {
    ...none,
    name: 'tributary_stream_open_seconds',
    help: 'From the request for a stream until it was open, of those that were opened: at the client until the concentrator said so, at the concentrator until the origin was connected',
    bounds: OPEN_BOUNDS_MS.map(inSeconds),
    samples: () => [sampleOf({}, openTimes)],
  });
  const bounds = STREAM_DELAY_BOUNDS_MS.map(inSeconds);
  registerHistogram(registry, {
    ...{ ...none, bounds, name: 'tributary_stream_queueing_seconds' },
    help: 'From when bytes were read until they were given to a subflow; of one piece of a stream at a time',
    samples: () => [sampleOf({}, delays.queueing)],
  });
  registerHistogram(registry, {
    ...{ ...none, bounds, name: 'tributary_stream_reorder_seconds' },
    help: 'How long bytes waited that came before earlier ones, until these had come; of the first piece behind each gap',
    samples: () => [sampleOf({}, delays.reorder)],
  });
  registerHistogram(registry, {
    ...{ bounds, name: 'tributary_stream_reinjection_seconds' },
    help: 'From when bytes were first sent until a second sending had delivered them, by kind: lost (their subflow was doubted or died), copy (head of line); of one piece of a stream at a time',
    labelNames: ['kind'],
    samples: () => Object.entries(delays.reinjection).map(([kind, counts]) => sampleOf({ kind }, counts)),
  });
}

function sampleOf<Label extends string>(
  labels: Readonly<Record<Label, string>>,
  { counts, sumMs }: DelayCounts,
): HistogramSample<Label> {
  return { labels, counts, sum: inSeconds(sumMs) };
}

function inSeconds(ms: number): number {
  return ms / 1_000;
}
