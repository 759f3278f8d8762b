import type { UplinkShape } from './network.ts';
import { steadyUplink } from './steady.ts';

/** Whether losses bound the rate, as with CUBIC, or do not, as with BBR. */
export type Bound = 'loss' | 'rate';

/**
 * The uplinks of a text such as `16/25 up2 + 40/50 q200 loss0.5 jitter3`: Mbit/s down and round trip in ms, then, if they are not the usual,
 * Mbit/s up, what the queue holds and the jitter in ms, and the random loss in percent.
 */
export function mix(text: string, bound: Bound): UplinkShape[] {
  return text.split(' + ').map((one, index) => uplink(`uplink${index}`, one, bound));
}

/** What all of them carry together, in bytes per millisecond. */
export function capacity(uplinks: readonly UplinkShape[], direction: 'up' | 'down'): number {
  return uplinks.reduce((sum, shape) => sum + shape[direction].rateBytesPerSecond / 1000, 0);
}

function uplink(name: string, text: string, bound: Bound): UplinkShape {
  const [rates = '', ...options] = text.split(' ');
  const [downMbit = 0, roundTripMs = 0] = rates.split('/').map(Number);
  const option = (key: string, otherwise: number) => {
    const found = options.find((one) => new RegExp(`^${key}[\\d.]+$`).test(one));
    return found === undefined ? otherwise : Number(found.slice(key.length));
  };
  const shape = steadyUplink(name, {
    downMbit,
    upMbit: option('up', downMbit),
    roundTripMs,
    queueMs: option('q', 100),
  });
  for (const link of [shape.up, shape.down]) {
    link.lossRate = option('loss', 0) / 100;
    link.jitterMs = option('jitter', 0);
  }
  return { ...shape, congestionControl: bound === 'loss' ? 'reno' : 'bbr' };
}
