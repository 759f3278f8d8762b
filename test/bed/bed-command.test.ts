import { expect, test, vi } from 'vitest';
import type { Bed } from './bed.ts';
import { carryOut, parseUplink } from './bed-command.ts';

test('an uplink is written as in papers', () => {
  expect(parseUplink('wifi:20/40/q100')).toEqual({ name: 'wifi', rateMbps: 20, rttMs: 40, queueMs: 100 });
  expect(parseUplink('lte:9.5/80/q300/loss0.5/jitter10/up2')).toEqual({
    ...{ name: 'lte', rateMbps: 9.5, rttMs: 80, queueMs: 300, lossPercent: 0.5, jitterMs: 10 },
    up: { rateMbps: 2 },
  });
});

test.each(['wifi', 'wifi:20/40', 'wifi:x/40/q100', 'wifi:0/40/q100', 'wifi:20/40/q100/burst3'])(
  '%s is refused',
  (text) => {
    expect(() => parseUplink(text)).toThrow();
  },
);

test('a line changes one uplink', async () => {
  const wifi = { set: vi.fn(), blackhole: vi.fn(), pauses: vi.fn(), holes: vi.fn() };
  const bed = { uplink: () => wifi } as unknown as Bed;
  expect(await carryOut(bed, 'set wifi rtt=60 up.rate=2 down.loss=1')).toBe('ok');
  expect(wifi.set).toHaveBeenCalledWith({
    up: { delayMs: 30, rateMbps: 2 },
    down: { delayMs: 30, lossPercent: 1 },
  });
  await carryOut(bed, 'hole wifi down');
  expect(wifi.blackhole).toHaveBeenCalledWith('down');
  await carryOut(bed, ' pauses wifi 2000-5000 400 ');
  expect(wifi.pauses).toHaveBeenCalledWith([2000, 5000], [400, 400]);
  await carryOut(bed, 'holes wifi 600 200');
  expect(wifi.holes).toHaveBeenCalledWith([600, 600], [200, 200]);
  await expect(carryOut(bed, 'hole wifi sideways')).rejects.toThrow('sideways');
  await expect(carryOut(bed, 'melt wifi')).rejects.toThrow('no command');
});
