import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { PacketSizes } from '../../../client-proxy/packet-size/packet-sizes.ts';
import { useCleanups } from '../../support/cleanups.ts';

const after = useCleanups();

const SIX = { host: '2001:db8::1', port: 8443 };
const FOUR = { host: '192.0.2.1', port: 8443 };
const HERE = '198.51.100.7';

function bed() {
  const clock = { nowMs: 0 };
  const own = [HERE];
  return {
    clock,
    own,
    sizes: new PacketSizes(
      () => clock.nowMs,
      pino({ enabled: false }),
      () => own,
    ),
  };
}

it('knows each way by itself, and forgets it when full packets get through', () => {
  const { sizes } = bed();
  sizes.onSmall('dsl', SIX, 1280, HERE);
  expect(sizes.candidates('dsl', SIX)).toEqual([1280, 1024, 576]);
  for (const [uplink, address] of [
    ['dsl', FOUR],
    ['lte', SIX],
  ] as const) {
    expect(sizes.candidates(uplink, address)).toEqual([undefined, 1280, 1024, 576]);
  }
  sizes.onSmall('dsl', SIX, 576, HERE);
  expect(sizes.candidates('dsl', SIX)).toEqual([576]);
  sizes.onFull('dsl', SIX);
  expect(sizes.limitOf('dsl', SIX)).toBeUndefined();
});

it('tries the full length again ever more seldom, and at once from another address', () => {
  const { sizes, clock } = bed();
  sizes.onSmall('dsl', SIX, 1280, HERE);
  const waitsMs: number[] = [];
  for (let trial = 0; trial < 8; trial++) {
    const sinceMs = clock.nowMs;
    while (!sizes.isTrialDue('dsl', SIX, HERE)) clock.nowMs += 1_000;
    waitsMs.push(clock.nowMs - sinceMs);
    sizes.onTrial('dsl', SIX, HERE);
  }
  expect(waitsMs.map((ms) => ms / 60_000)).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30]);
  expect(sizes.isTrialDue('dsl', SIX, '203.0.113.9')).toBe(true);
  sizes.onTrial('dsl', SIX, '203.0.113.9');
  expect(sizes.isTrialDue('dsl', SIX, '203.0.113.9')).toBe(false);
});

it('does not put the trial off for every subflow that is dialled meanwhile', () => {
  const { sizes, clock } = bed();
  for (; clock.nowMs < 30_000; clock.nowMs += 1_000) sizes.onSmall('dsl', SIX, 1280, HERE);
  expect(sizes.isTrialDue('dsl', SIX, HERE)).toBe(true);
});

it('forgets ways beyond its bound', () => {
  const { sizes } = bed();
  for (let port = 1; port <= 300; port++) sizes.onSmall('dsl', { host: FOUR.host, port }, 1280, HERE);
  const known = Array.from({ length: 300 }, (_, i) => sizes.limitOf('dsl', { host: FOUR.host, port: i + 1 }));
  expect(known.filter((limit) => limit !== undefined)).toHaveLength(256);
});

it('limits direct connections over an uplink by the shortest of its ways', () => {
  const { sizes } = bed();
  sizes.onSmall('dsl', SIX, 1280, HERE);
  sizes.onSmall('dsl', FOUR, 1024, HERE);
  expect(sizes.limitOfUplink('dsl')).toBe(1024);
  expect(sizes.limitOfUplink('lte')).toBeUndefined();
  sizes.onFull('dsl', FOUR);
  expect(sizes.limitOfUplink('dsl')).toBe(1280);
});

it('limits direct connections by no way of another network, nor by one that nobody tries any more', () => {
  const { sizes, own, clock } = bed();
  sizes.onSmall('dsl', SIX, 1280, HERE);
  sizes.onSmall('dsl', FOUR, 576, '203.0.113.9');
  expect(sizes.limitOfUplink('dsl')).toBe(1280);
  own.push('203.0.113.9');
  expect(sizes.limitOfUplink('dsl')).toBe(576);
  for (; clock.nowMs < 24 * 3_600_000; clock.nowMs += 60_000)
    if (sizes.isTrialDue('dsl', SIX, HERE)) sizes.onTrial('dsl', SIX, HERE);
  expect(sizes.limitOfUplink('dsl')).toBe(1280);
});

it('keeps what it has learned on disk, and tries the full length soon after a restart', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sizes-'));
  after(() => rm(directory, { recursive: true }));
  const file = join(directory, 'packet-sizes.json');
  const clock = { nowMs: 0 };
  const open = () =>
    PacketSizes.open(
      directory,
      () => clock.nowMs,
      pino({ enabled: false }),
      () => [HERE],
    );
  const kept = async (): Promise<string[]> =>
    Object.keys(JSON.parse(await readFile(file, 'utf8').catch(() => '{}')).ways ?? {});
  const first = await open();
  first.onSmall('dsl', SIX, 576, HERE);
  first.onSmall('lte', FOUR, 1280, HERE);
  first.onFull('lte', FOUR);
  await expect.poll(kept).toEqual([`dsl [${SIX.host}]:8443`]);
  clock.nowMs = 5_000;
  const next = await open();
  expect(next.candidates('dsl', SIX)).toEqual([576]);
  expect(next.isTrialDue('dsl', SIX, HERE)).toBe(false);
  expect(next.isTrialDue('dsl', SIX, '198.51.100.8')).toBe(true);
  clock.nowMs = 35_000;
  expect(next.isTrialDue('dsl', SIX, HERE)).toBe(true);
  next.onFull('dsl', SIX);
  await expect.poll(kept).toEqual([]);
  for (const ways of ['5', '{"x": {"uplink": "dsl", "packetBytes": 0, "localHost": "h"}}']) {
    await writeFile(file, `{"version": 1, "ways": ${ways}}`);
    expect((await open()).limitOf('dsl', SIX)).toBeUndefined();
  }
});
