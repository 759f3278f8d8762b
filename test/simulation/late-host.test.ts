import { expect, it } from 'vitest';
import type { UplinkShape } from './network.ts';
import { download, steadyUplink } from './steady.ts';
import { World } from './world.ts';

/** As kernels grow it: what a program that is late has written meanwhile goes on leaving. */
const SEND_BUFFER_BYTES = 1024 * 1024;

const kernelBuffered = (shape: UplinkShape): UplinkShape => ({
  ...shape,
  sendBufferBytes: SEND_BUFFER_BYTES,
});
const wifi = kernelBuffered(steadyUplink('wifi', { downMbit: 40, roundTripMs: 30 }));
const lte = kernelBuffered(steadyUplink('lte', { downMbit: 25, roundTripMs: 60, queueMs: 200 }));

/** A download while each turn of both event loops is late by up to `lagMs`, drawn evenly. */
function run(uplinks: readonly UplinkShape[], lagMs: number) {
  const world = new World({ seed: 1, uplinks, measures: true, lagMs });
  world.connect();
  world.advance(3_000);
  const { client } = world.openStream(download(2_000_000_000))!;
  world.advance(3_000);
  const [beforeBytes, beforeMs] = [client.receivedBytes, world.clock.nowMs];
  world.advance(4_000);
  const bytesPerMs = (client.receivedBytes - beforeBytes) / (world.clock.nowMs - beforeMs);
  const sumPerMs = uplinks.reduce((sum, { down }) => sum + down.rateBytesPerSecond / 1000, 0);
  return bytesPerMs / sumPerMs;
}

it.each([
  { name: 'one uplink', uplinks: [wifi], lagMs: 10, least: 0.98 },
  { name: 'one uplink', uplinks: [wifi], lagMs: 30, least: 0.8 },
  { name: 'one uplink', uplinks: [wifi], lagMs: 50, least: 0.6 },
  { name: 'two uplinks', uplinks: [wifi, lte], lagMs: 10, least: 0.98 },
  { name: 'two uplinks', uplinks: [wifi, lte], lagMs: 30, least: 0.5 },
  { name: 'two uplinks', uplinks: [wifi, lte], lagMs: 50, least: 0.3 },
])('fills $name while the programs are late by up to $lagMs ms', ({ uplinks, lagMs, least }) => {
  expect(run(uplinks, lagMs)).toBeGreaterThan(least);
});
