import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SpeedReport, UplinkSpeed } from '../../../client-proxy/speedtest/speed-report.ts';
import { type Bed, createBed } from '../../bed/bed.ts';
import { BED_PLACE } from '../../lab/bed-place.ts';
import type { CpuWitness } from '../../lab/cpu-witness.ts';
import { endProgram } from '../../lab/programs.ts';
import { startClient, startConcentrator } from '../../lab/tributary-pair.ts';
import { type ConfiguredPair, TributarySetup } from '../../lab/tributary-setup.ts';
import { measureCalmly } from '../../support/measure-calmly.ts';
import { needs } from '../../support/needs.ts';
import { report } from '../support/system.ts';

/** Mbit/s of the links, with all headers. */
const LINKS = [
  { name: 'dsl', rateMbps: 16, rttMs: 20, queueMs: 60, up: { rateMbps: 4 } },
  { name: 'lte', rateMbps: 32, rttMs: 50, queueMs: 80, up: { rateMbps: 12 } },
  { name: 'line', rateMbps: 24, rttMs: 20, queueMs: 60 },
  { name: 'lossy', rateMbps: 20, rttMs: 30, queueMs: 60, lossPercent: 0.5 },
  { name: 'bloated', rateMbps: 8, rttMs: 20, queueMs: 900 },
] as const;
/** Of what a link carries, payload of TCP in full packets is 95 %: within a tenth of the link's rate, with something to spare. */
const LEAST_SHARE = 0.9;
/** Another address on the interface of `line`. */
const SECOND_HOST = 3;
const LONGEST_MS = 90_000;
/** Where rates need not be exact. */
const BRIEFLY = ['--seconds', '2'];

interface MeasureOptions {
  /** Watches the concentrator and the test. */
  readonly witness?: CpuWitness;
  readonly args?: readonly string[];
  /** When the concentrator runs. */
  prepare?(pair: ConfiguredPair): Promise<unknown>;
  /** Before it ends. */
  tidy?(): Promise<unknown>;
}

type Uplink = Readonly<Record<string, unknown>> & { readonly name: string };

describe('speedtest', { timeout: 4 * LONGEST_MS, ...needs('bed') }, () => {
  let bed: Bed;
  let setup: TributarySetup;

  beforeAll(async () => {
    bed = await createBed({ uplinks: LINKS.map((link) => ({ ...link })), congestionControl: 'cubic' });
    setup = await TributarySetup.create(BED_PLACE);
    const { v4 } = bed.uplink('line').client;
    const second = v4.replace(/\d+$/, String(SECOND_HOST));
    await bed.client.ip(4, [`address add ${second}/24 dev line`, `rule add from ${second} lookup 103`]);
  });
  afterAll(async () => {
    await bed?.close();
    await setup?.remove();
  });

  async function measured(
    uplinks: readonly Uplink[],
    { args = [], witness, prepare, tidy }: MeasureOptions = {},
  ) {
    const listed = uplinks.map((uplink) => ({ congestionControl: 'cubic', ...uplink }));
    const pair = await setup.configured(
      { uplinks: listed, stateDir: 'state' },
      { congestionControl: 'cubic' },
    );
    const concentrator: ChildProcess = await startConcentrator(bed.concentrator, pair);
    witness?.watch(concentrator.pid!);
    try {
      await prepare?.(pair);
      return await speedtest(pair, args, witness);
    } finally {
      await tidy?.();
      await endProgram(concentrator);
    }
  }

  /** What it prints, and its exit code. */
  async function speedtest(
    { checkout, client }: ConfiguredPair,
    args: readonly string[],
    witness?: CpuWitness,
  ) {
    const words = [checkout.program('client-proxy'), '--config', client, 'speedtest', '--json', ...args];
    const child = bed.client.spawn(process.execPath, words, {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: LONGEST_MS,
    });
    witness?.watch(child.pid!);
    const [printed, [exitCode]] = await Promise.all([text(child.stdout!), once(child, 'exit')]);
    const result = JSON.parse(printed) as SpeedReport;
    for (const line of shown(result)) report(line);
    const usage = await bed.client.exec(process.execPath, [words[0]!, '--config', client, 'usage']);
    const usedMB = Number(/([\d.]+) MB today/.exec(usage)?.[1] ?? 0);
    return { result, exitCode, usedMB };
  }

  test('tells the rates of asymmetric links within a tenth, alone, at once, and of one stream over both', async (context) => {
    const measure = (witness: CpuWitness) => measured(byInterface('dsl', 'lte'), { witness });
    const { result, exitCode } = await measureCalmly(context, measure, ({ result }) => {
      for (const direction of ['down', 'up'] as const) {
        const rates = [rateOf('dsl', direction), rateOf('lte', direction)];
        const sum = rates[0]! + rates[1]!;
        for (const [i, { alone, beside }] of result.uplinks.entries()) {
          expectNear(alone[direction]?.bitsPerSecond, rates[i]!);
          expectNear(beside[direction], rates[i]!);
        }
        expectNear(result.aggregate[direction]?.bitsPerSecond, sum);
      }
      expect(result.shared).toEqual([]);
    });
    expect(exitCode).toBe(0);
    expect(result.advice[0]).toMatch(/lte is full with .* dsl adds .* together/);
  });

  test('finds that two addresses of one line share it', async (context) => {
    const second = bed.uplink('line').client.v4.replace(/\d+$/, String(SECOND_HOST));
    const uplinks = [
      { name: 'one', address: bed.uplink('line').client.v4 },
      { name: 'two', address: second },
    ];
    const measure = (witness: CpuWitness) => measured(uplinks, { args: BRIEFLY, witness });
    const { result } = await measureCalmly(context, measure, ({ result }) => {
      for (const { alone } of result.uplinks) expectNear(alone.down?.bitsPerSecond, rateOf('line', 'down'));
      expect(result.shared).toEqual([
        { direction: 'down', uplinks: ['one', 'two'] },
        { direction: 'up', uplinks: ['one', 'two'] },
      ]);
      expectNear(result.aggregate.down?.bitsPerSecond, rateOf('line', 'down'));
    });
    expect(result.advice.join('\n')).toMatch(/one and two share a bottleneck/);
  });

  test('does not take a lossy link and another for one line', async (context) => {
    const measure = (witness: CpuWitness) =>
      measured(byInterface('lossy', 'line'), { args: BRIEFLY, witness });
    await measureCalmly(context, measure, ({ result }) => {
      expect(result.shared).toEqual([]);
      expectNear(result.uplinks[1]!.alone.down?.bitsPerSecond, rateOf('line', 'down'));
      expect(result.uplinks[0]!.alone.down!.bitsPerSecond!).toBeLessThan(rateOf('lossy', 'down') * 1e6);
    });
  });

  test('tells a queue that is too long from one that is not', async (context) => {
    const measure = (witness: CpuWitness) => measured(byInterface('bloated', 'line'), { witness });
    const { result } = await measureCalmly(context, measure, ({ result }) => {
      const [bloated, line] = result.uplinks;
      for (const direction of ['down', 'up'] as const) {
        // Queues of 900 and of 60 ms: on a calm machine it is a fourth.
        expect(bloated!.alone[direction]!.rpm!).toBeLessThan(line!.alone[direction]!.rpm! / 2);
        // CUBIC leaves the queue a quarter full, in as many seconds as a measurement has; the other one takes 60 ms.
        expect(bloated!.alone[direction]!.loadedMs!).toBeGreaterThan(150);
        expectNear(bloated!.alone[direction]?.bitsPerSecond, rateOf('bloated', direction));
      }
      expect(bloated!.idleMs!).toBeLessThan(60);
    });
    expect(result.advice.join('\n')).toMatch(/a full bloated answers after .*bufferbloat/);
  });

  test('says which uplink is dead, and measures the others', async (context) => {
    const measure = (witness: CpuWitness) =>
      measured(byInterface('dsl', 'lte'), {
        args: ['--seconds', '1'],
        witness,
        prepare: () => bed.uplink('dsl').blackhole(),
        tidy: () => bed.uplink('dsl').restore(),
      });
    const { result, exitCode } = await measureCalmly(context, measure, ({ result }) =>
      expect(result.aggregate.down?.bitsPerSecond).toBeGreaterThan(20e6),
    );
    expect(exitCode).toBe(1);
    expect(result.uplinks.map(({ state }) => state)).toEqual(['failed', 'measured']);
    expect(result.uplinks[0]!.reason).toMatch(/no connection|timed out|did not answer/);
  });

  test('has its own session beside a client that runs, whose subflows and transfers live on', async (context) => {
    let client: ChildProcess | undefined;
    let log = '';
    const measure = (witness: CpuWitness) =>
      measured(byInterface('dsl', 'lte'), {
        args: ['--seconds', '1'],
        witness,
        async prepare(pair) {
          const onOutput = (text: string) => {
            log += text;
          };
          client = await startClient(bed.client, pair, [{ name: 'dsl' }, { name: 'lte' }], { onOutput });
        },
        async tidy() {
          if (client !== undefined) await endProgram(client);
        },
      });
    const { exitCode } = await measureCalmly(context, measure, ({ result }) =>
      expectNear(result.uplinks[1]!.alone.down?.bitsPerSecond, rateOf('lte', 'down')),
    );
    expect(exitCode).toBe(0);
    expect(log).toMatch(/subflow up/);
    expect(log.match(/subflow lost|the session is over/g)).toBeNull();
  });

  test('leaves a metered uplink in peace unless it is told, and no test is longer than its bytes', async () => {
    const uplinks = byInterface('lte', 'dsl').map((uplink) =>
      uplink.name === 'lte' ? { ...uplink, metered: {} } : uplink,
    );
    const bytes = async (name: string) => {
      const { up, down } = await bed.uplink(name).stats();
      return up.bytesOut + down.bytesOut;
    };
    const before = await bytes('lte');
    const { result, exitCode } = await measured(uplinks, { args: ['--max', '6MB', '--seconds', '2'] });
    const after = await bytes('lte');
    // A packet or two of an earlier test may still come.
    expect(after - before).toBeLessThan(1_000);
    expect(exitCode).toBe(0);
    expect(result.uplinks.map(({ name }) => name)).toEqual(['dsl']);
    expect(result.bytes).toBeLessThanOrEqual(6_000_000);
    const asked = await measured(uplinks, { args: ['--metered', '--max', '6MB', '--seconds', '2'] });
    expect(asked.result.uplinks.map(({ name, isMetered }) => [name, isMetered])).toEqual([
      ['lte', true],
      ['dsl', false],
    ]);
    expect(asked.result.bytes).toBeLessThanOrEqual(6_000_000);
    const carried = (await bytes('lte')) - after;
    const counted = asked.usedMB * 1e6;
    report(`lte carried ${carried} bytes on its link, ${counted} counted for its plan`);
    expect(carried).toBeGreaterThan(1_000_000);
    // The link counts Ethernet headers, and what its queue has dropped does not come.
    expect(Math.abs(counted / carried - 1)).toBeLessThan(0.1);
  });
});

function byInterface(...names: readonly string[]): Uplink[] {
  return names.map((name) => ({ name, interface: name }));
}

function rateOf(name: string, direction: 'down' | 'up'): number {
  const link = LINKS.find((one) => one.name === name)!;
  return direction === 'up' && 'up' in link ? link.up.rateMbps : link.rateMbps;
}

function expectNear(bitsPerSecond: number | null | undefined, mbps: number): void {
  expect(bitsPerSecond! / 1e6).toBeGreaterThan(LEAST_SHARE * mbps);
  expect(bitsPerSecond! / 1e6).toBeLessThan(1.02 * mbps);
}

function shown({ uplinks, aggregate, tookMs, bytes, advice }: SpeedReport): string[] {
  const mbps = (value: number | null | undefined) => ((value ?? 0) / 1e6).toFixed(2);
  const both = ({ alone, beside }: Pick<UplinkSpeed, 'alone' | 'beside'>) =>
    (['down', 'up'] as const)
      .map(
        (direction) =>
          `${direction} ${mbps(alone[direction]?.bitsPerSecond)} (at once ${mbps(beside[direction])}, ` +
          `RPM ${alone[direction]?.rpm} ${alone[direction]?.grade}, ${alone[direction]?.loadedMs?.toFixed(0)} ms)`,
      )
      .join(', ');
  return [
    ...uplinks.map((uplink) => `${uplink.name}: idle ${uplink.idleMs?.toFixed(1)} ms, ${both(uplink)}`),
    `aggregate: down ${mbps(aggregate.down?.bitsPerSecond)} (RPM ${aggregate.down?.rpm}), up ` +
      `${mbps(aggregate.up?.bitsPerSecond)} (RPM ${aggregate.up?.rpm}); ${(bytes / 1e6).toFixed(1)} MB, ${(tookMs / 1e3).toFixed(1)} s`,
    ...advice,
  ];
}
