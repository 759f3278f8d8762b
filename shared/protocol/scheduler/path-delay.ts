import type { SubflowView } from '../subflow/subflow-view.ts';

/** What the delay of a path is judged by. */
export type DelayView = Pick<SubflowView, 'rateBytesPerSecond' | 'minRttMs' | 'inFlightBytes' | 'delayMs'>;

/** The delay of the path without what this end has queued there itself: an uplink must not look slow for being used. */
export function pathDelayMs(view: DelayView): number {
  const { rateBytesPerSecond: rate, minRttMs, inFlightBytes, delayMs } = view;
  const ownQueueMs = Math.max(0, (inFlightBytes * 1000) / rate - minRttMs);
  return Math.max(minRttMs, delayMs - ownQueueMs);
}
