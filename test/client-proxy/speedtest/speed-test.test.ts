import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { ConfiguredUplink } from '../../../client-proxy/config/client-config.ts';
import type { Exchange, OnSample } from '../../../client-proxy/measurement/measurement-connection.ts';
import type { SpeedProgress, SpeedTestRequest } from '../../../client-proxy/speedtest/speed-report.ts';
import { SpeedTest, type SpeedTestDeps } from '../../../client-proxy/speedtest/speed-test.ts';
import { UplinkError } from '../../../client-proxy/uplink/uplink-error.ts';
import { StreamError } from '../../../shared/protocol/errors.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';

const REQUEST: SpeedTestRequest = { metered: false, maxBytes: 40_000_000, measurementMs: 150 };
/** In which a transfer brings its bytes. */
const PIECES = 6;
const METERED = { rateLimit: {} } as ConfiguredUplink['metered'] & object;

function uplink(name: string, more: Partial<ConfiguredUplink> = {}): ConfiguredUplink {
  return { name, binding: { kind: 'interface', interface: name }, backup: false, ...more };
}

interface Bed extends Partial<SpeedTestDeps> {
  readonly allowanceBytes?: number;
  readonly dead?: readonly string[];
}

/** Uplinks that bring everything at once, and count what they have carried. */
function bed(uplinks: readonly ConfiguredUplink[], { allowanceBytes = 1e9, dead = [], ...over }: Bed = {}) {
  let nowMs = 0;
  const carried: Record<string, number> = {};
  const opened = { now: 0, most: 0 };
  const deps: SpeedTestDeps = {
    uplinks: () => uplinks,
    useOf: () => ({ use: 'normal', reason: '' }),
    async open({ name }) {
      if (dead.includes(name))
        throw new UplinkError(name, 'timedOut', 'no connection to 192.0.2.1:8443: timed out');
      opened.now++;
      opened.most = Math.max(opened.most, opened.now);
      const transfer = async (bytes: number, timeoutMs: number, onSample?: OnSample): Promise<Exchange> => {
        carried[name] = (carried[name] ?? 0) + bytes;
        const startMs = nowMs;
        for (let piece = 1; piece <= PIECES; piece++) {
          await sleep(1);
          const atMs = startMs + (piece / PIECES) * timeoutMs;
          nowMs = Math.max(nowMs, atMs);
          onSample?.({ atMs, bytes: (piece / PIECES) * bytes });
        }
        return { samples: [], isComplete: true };
      };
      const close = () => void opened.now--;
      const connection = {
        ping: () => sleep(5, 20),
        send: transfer,
        receive: transfer,
        keepSilent() {},
        close,
      };
      return { connection, terms: { allowanceBytes, facts: '{}' } };
    },
    keeper: {
      openStream: () => Promise.reject(new StreamError('nameNotFound', 'none')),
      uplinks: uplinks.map(({ name }) => ({ name, isUp: true, state: 'in-use', cause: 'none', reason: '' })),
    },
    clock: () => nowMs,
    wallClock: () => 0,
    ...over,
  };
  const told: SpeedProgress[] = [];
  const run = (request: Partial<SpeedTestRequest> = {}, signal = new Cancellation()) =>
    new SpeedTest(deps, { ...REQUEST, ...request }, (progress) => told.push(progress), signal).run();
  return { run, carried, opened, told };
}

const TWO = [uplink('dsl'), uplink('lte')];

it('measures each alone, all at once and the aggregate, in both directions, within its bytes', async () => {
  const { run, carried, opened, told } = bed(TWO);
  const report = await run();
  expect(report.uplinks.map(({ name, state }) => [name, state])).toEqual([
    ['dsl', 'measured'],
    ['lte', 'measured'],
  ]);
  for (const { alone, beside, idleMs } of report.uplinks) {
    expect([idleMs, alone.down?.bitsPerSecond, alone.up?.bitsPerSecond].every((value) => value! > 0)).toBe(
      true,
    );
    expect([beside.down, beside.up].every((value) => value! > 0)).toBe(true);
  }
  // Each ends when the first of its connections has its part.
  expect(report.bytes).toBeLessThanOrEqual((carried.dsl ?? 0) + (carried.lte ?? 0));
  expect(report.bytes).toBeLessThanOrEqual(REQUEST.maxBytes);
  expect(opened.now).toBe(0);
  const steps = told.map(({ phase, direction, uplinks }) => `${phase} ${direction} ${uplinks.join('+')}`);
  expect([...new Set(steps)]).toEqual([
    'idle undefined dsl+lte',
    'alone down dsl',
    'alone up dsl',
    'alone down lte',
    'alone up lte',
    'together down dsl+lte',
    'together up dsl+lte',
    'aggregate down dsl+lte',
    'aggregate up dsl+lte',
  ]);
  expect(told.every(({ share }, i) => share >= (told[i - 1]?.share ?? 0) && share <= 1)).toBe(true);
});

it('says why there is no aggregate with an older concentrator', async () => {
  const { aggregate, aggregateReason, advice } = await bed(TWO).run();
  expect(aggregate).toEqual({ down: null, up: null });
  expect(aggregateReason).toMatch(/older than streams that measure/);
  expect(advice.join('\n')).toMatch(/The aggregate was not measured: the concentrator is older/);
});

it('leaves metered uplinks out unless it is told, and those that may not be used always', async () => {
  const uplinks = [uplink('dsl'), uplink('lte', { metered: METERED }), uplink('5g')];
  const useOf: SpeedTestDeps['useOf'] = (name) =>
    name === '5g' ? { use: 'stopped', reason: 'daily cap reached' } : { use: 'normal', reason: '' };
  const unasked = bed(uplinks, { useOf });
  const report = await unasked.run();
  expect(report.uplinks.map(({ name, state, reason }) => [name, state, reason])).toEqual([
    ['dsl', 'measured', ''],
    ['lte', 'skipped', 'it is metered'],
    ['5g', 'skipped', 'daily cap reached'],
  ]);
  expect(Object.keys(unasked.carried)).toEqual(['dsl']);
  expect(report.advice.join('\n')).toMatch(/lte was left out: it is metered; --metered/);
  const asked = bed(uplinks, { useOf });
  await asked.run({ metered: true });
  expect(Object.keys(asked.carried)).toEqual(['dsl', 'lte']);
});

it('goes on without an uplink that is dead', async () => {
  const report = await bed(TWO, { dead: ['lte'] }).run();
  expect(report.uplinks[1]).toMatchObject({
    state: 'failed',
    reason: expect.stringMatching(/^no connection/),
  });
  expect(report.uplinks[0]!.alone.down).not.toBeNull();
  expect(report.uplinks[0]!.beside).toEqual({ down: null, up: null });
});

it('has backups measured alone, and not with the others', async () => {
  const { run, told } = bed([...TWO, uplink('sat', { backup: true })]);
  const report = await run();
  expect(report.uplinks[2]!.alone.down).not.toBeNull();
  expect(report.uplinks[2]!.beside).toEqual({ down: null, up: null });
  expect(told.filter(({ phase }) => phase === 'together').flatMap(({ uplinks }) => uplinks)).not.toContain(
    'sat',
  );
});

it.each([
  ['there is none', [], {}, {}, /there is no uplink now/],
  ['none of that name', TWO, {}, { uplinks: ['cable'] }, /no uplink cable now: there are dsl, lte/],
  [
    'all are metered',
    [uplink('lte', { metered: METERED })],
    {},
    {},
    /every uplink is left out: lte \(it is metered\)/,
  ],
  [
    'all are dead',
    TWO,
    { dead: ['dsl', 'lte'] },
    {},
    /no uplink reaches the concentrator: dsl: no connection/,
  ],
  [
    'the concentrator forbids it',
    TWO,
    { allowanceBytes: 0 },
    {},
    /allows no more bytes.*measurementBytesPerHour/,
  ],
  ['there are too few bytes', TWO, {}, { maxBytes: 10_000 }, /allow more with --max/],
  ['the concentrator is older', TWO, { open: async () => undefined }, {}, /older than measurements/],
] as const)('refuses with the reason: %s', async (_, uplinks, over, request, words) => {
  await expect(bed(uplinks, over).run(request)).rejects.toThrow(words);
});

it('stops when it is told, and leaves no connection behind', async () => {
  const signal = new Cancellation();
  const { run, opened, told } = bed(TWO);
  const running = run({}, signal);
  // It is only seen to reject below.
  running.catch(() => {});
  await expect.poll(() => told.some(({ phase }) => phase === 'alone'), { interval: 1 }).toBe(true);
  signal.abort(new Error('stopped'));
  await expect(running).rejects.toThrow('stopped');
  await expect.poll(() => opened.now).toBe(0);
});
