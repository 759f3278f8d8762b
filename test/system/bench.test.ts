import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { describe, expect, type TestContext, test, vi } from 'vitest';
import type { DatagramRecord } from '../bench/datagrams/run-case.ts';
import type { RunRecord } from '../bench/run-group.ts';
import { needs } from '../support/needs.ts';
import { ROOT } from './support/program.ts';

const run = promisify(execFile);
const BENCH = join(ROOT, 'test/bench/build/bench/main.js');
/** Beside other tests, on a slow machine that has all programs to compare with, the longest takes minutes. */
const RUN_LIMIT_MS = 500_000;
const TEST_LIMIT_MS = RUN_LIMIT_MS + 40_000;
const ONE_DOWNLOAD = [
  '--scenarios',
  'E9',
  '--hosts',
  'cubic',
  '--workloads',
  'bulk-down',
  '--repetitions',
  '1',
];

// Side by side: each takes a fraction of a core, and judges none of its figures closely.
describe.concurrent('npm run bench', needs('bed'), () => {
  test('checks a link, measures downloads over it, compares two checkouts, and writes figures and a picture', {
    timeout: TEST_LIMIT_MS,
  }, async (context) => {
    const out = await resultFolder(context);
    const versions = [`tributary@${ROOT}`, 'tributary'];
    // Those whose programs this machine has.
    const contestants = [...versions, 'tributary-cubic', 'kernel-mptcp', 'single', 'c-socks'].join(',');
    const what = [...ONE_DOWNLOAD, '--contestants', contestants, '--tuning', 'tributary:ping.intervalMs=500'];
    const args = [...what, '--seconds', '2', '--out', out];
    const { stdout } = await run(process.execPath, [BENCH, ...args], { timeout: RUN_LIMIT_MS });
    // A slow machine adds to the round trip, which is told.
    expect(stdout).toMatch(/^link E9\/only: RTT, ms 3\d\.\d\d \(30\.\d\d\)(?: OFF)?, down rate, Mbit\/s /m);
    expect(stdout).toMatch(/bulk download\n.*tributary over sum.*best single over sum/);
    expect(stdout).toMatch(/^E9 cubic +0\.\d\d/m);
    expect(stdout).toMatch(/Goals\n.*\n(met|MISSED|not measured) /);

    const files = await readdir(out);
    const [json] = files.filter((name) => name.endsWith('.json'));
    const { circumstances, records, goals, links, ...results } = JSON.parse(
      await readFile(join(out, json!), 'utf8'),
    );
    expect(circumstances.node).toBe(process.version);
    expect(links['E9/only']).toHaveLength(5);
    expect(goals.length).toBeGreaterThan(0);
    const byContestant = new Map(
      (records as RunRecord[]).map((record) => [record.contestant, record.figures]),
    );
    expect([...byContestant.keys()]).toEqual(
      expect.arrayContaining(['single:only', ...versions, 'tributary-cubic']),
    );
    for (const { failures, overSum, goodputMbps } of byContestant.values()) {
      expect(failures).toBe(0);
      // TCP's headers take the rest of the packets; and a busy machine whatever it wants.
      expect(overSum).toBeGreaterThan(0.2);
      expect(overSum).toBeLessThan(0.97);
      expect(goodputMbps).toBeCloseTo(40 * overSum!);
    }
    const { checkouts, comparison } = results;
    expect(checkouts).toEqual([
      expect.objectContaining({ contestant: versions[0], tuning: {} }),
      expect.objectContaining({ contestant: 'tributary', tuning: { 'ping.intervalMs': 500 } }),
    ]);
    const [oneMedian, otherMedian] = versions.map((name) => byContestant.get(name)!.overSum!);
    expect(comparison[0]).toMatchObject({
      ...{ one: versions[0], other: 'tributary', where: 'E9 cubic bulk-down', figure: 'goodput over sum' },
      ...{ oneMedian, otherMedian, ratio: { median: oneMedian! / otherMedian!, pairs: 1 } },
    });
    expect(files.filter((name) => name.endsWith('comparison-1.svg'))).toHaveLength(1);
    const [table] = files.filter((name) => name.endsWith('comparison.md'));
    expect(stdout).toContain(await readFile(join(out, table!), 'utf8'));
    const [picture] = files.filter((name) => name.endsWith('summary-bulk-down-cubic.svg'));
    expect(await readFile(join(out, picture!), 'utf8')).toMatch(/^<svg [\s\S]*>tributary<[\s\S]*<\/svg>\n$/);
  });

  test('meets a transfer with a fault in its middle, and draws it', {
    timeout: TEST_LIMIT_MS,
  }, async (context) => {
    const out = await resultFolder(context);
    const what = [
      '--scenarios',
      'F1/E1/a',
      '--hosts',
      'cubic',
      '--workloads',
      'bulk-up',
      '--repetitions',
      '1',
    ];
    const args = [...what, '--contestants', 'tributary', '--no-check', '--out', out];
    const { stdout } = await run(process.execPath, [BENCH, ...args], { timeout: RUN_LIMIT_MS });
    expect(stdout).toMatch(/^bulk upload through a fault\n.*gap ms.*rate\/left/m);

    const files = await readdir(out);
    const [json] = files.filter((name) => name.endsWith('.json'));
    const { records } = JSON.parse(await readFile(join(out, json!), 'utf8'));
    const [{ figures, trace }] = records as [RunRecord];
    expect(figures).toMatchObject({ failures: 0 });
    expect(trace?.stepsAtMs).toEqual([expect.closeTo(4_000, -2)]);
    // The uplink really was silent: one of two remained.
    const after = trace!.buckets.slice(500, 1_000).reduce((sum, bytes) => sum + bytes, 0);
    expect((after * 8) / 5e6).toBeLessThan(20);
    expect(figures.afterFault).toBeCloseTo((after * 8) / 5e6 / 20);
    const [picture] = files.filter((name) => name.endsWith('F1-E1-a-cubic-bulk-up.svg'));
    expect(await readFile(join(out, picture!), 'utf8')).toMatch(
      /<path [^>]*stroke="#1f6feb"[\s\S]*<\/svg>\n$/,
    );
  });

  test('sends datagrams through the pair and over each uplink, and judges what came', {
    timeout: TEST_LIMIT_MS,
  }, async (context) => {
    const out = await resultFolder(context);
    const args = ['--datagrams', '--cases', 'idle', '--out', out];
    const { stdout } = await run(process.execPath, [BENCH, ...args], { timeout: RUN_LIMIT_MS });
    expect(stdout).toMatch(/^tributary voice up +400 /m);
    expect(stdout).toMatch(/^(MET|MISSED) +lookups: p50 over the best uplink's round trip +idle /m);
    const [json] = await readdir(out);
    const { records } = JSON.parse(await readFile(join(out, json!), 'utf8')) as { records: DatagramRecord[] };
    const flows = records.filter(({ flow }) => flow !== undefined);
    expect(flows.map(({ contestant, direction }) => `${contestant} ${direction}`).sort()).toEqual(
      ['single:a', 'single:b', 'tributary'].flatMap((name) => [`${name} down`, `${name} up`]),
    );
    for (const { flow } of flows) {
      expect(flow!.lossShare).toBeLessThan(0.05);
      // The link alone takes 20 ms; and a busy machine whatever it wants.
      expect(flow!.p50Ms).toBeGreaterThan(20);
      expect(flow!.p50Ms).toBeLessThan(500);
    }
  });

  test('refuses a checkout that is not there, before it measures anything', async (context) => {
    const out = await resultFolder(context);
    const args = [...ONE_DOWNLOAD, '--contestants', `tributary@${out}`, '--out', out];
    await expect(run(process.execPath, [BENCH, ...args])).rejects.toMatchObject({
      code: 2,
      stderr: `bench: ${out} is not a checkout of this project\n`,
    });
  });

  test('a number of the core that is not there is refused with the one that was meant', async (context) => {
    const out = await resultFolder(context);
    const args = [
      ...ONE_DOWNLOAD,
      '--contestants',
      'tributary',
      '--tuning',
      'ping.intervalM=1',
      '--out',
      out,
    ];
    await expect(run(process.execPath, [BENCH, ...args])).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /tuning: unknown key "ping.intervalM": did you mean "ping.intervalMs"\?$/m,
      ),
    });
  });

  test('an interrupt removes the bed, the programs and their keys, and reports what there is', async (context) => {
    const out = await resultFolder(context);
    const args = [
      ...ONE_DOWNLOAD,
      '--contestants',
      'tributary',
      '--seconds',
      '60',
      '--no-check',
      '--out',
      out,
    ];
    const temporary = await resultFolder(context);
    const child = spawn(process.execPath, [BENCH, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: temporary },
    });
    const ended = once(child, 'exit');
    let bed: readonly string[] = [];
    try {
      const lines = createInterface({ input: child.stdout });
      await once(lines, 'line');
      bed = await bedOf(child.pid!);
      expect(await readdir(temporary)).toEqual([expect.stringMatching(/^tributary-bench-/)]);
      child.kill('SIGINT');
      // As npm does beside the terminal.
      child.kill('SIGINT');
      expect(await ended).toEqual([130, null]);
    } finally {
      child.kill('SIGKILL');
    }
    expect((await namespaces()).filter((name) => bed.includes(name))).toEqual([]);
    expect(await readdir(temporary)).toEqual([]);
    expect(await readdir(out)).toHaveLength(1);
  });
});

/** Where the results of a test go; removed after it. */
async function resultFolder({ onTestFinished }: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-bench-out-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The three namespaces of the bed of this bench, once they are there. */
async function bedOf(benchPid: number): Promise<readonly string[]> {
  // Not `expect.poll`, which knows no test where several run at once.
  return vi.waitFor(
    async () => {
      const names = await namespaces();
      const parents = await Promise.all(names.map(parentOfOwner));
      const own = names.filter((_, i) => parents[i] === benchPid);
      expect(own).toHaveLength(3);
      return own;
    },
    { timeout: 60_000, interval: 50 },
  );
}

function namespaces(): Promise<string[]> {
  return readdir('/run/netns').catch(() => []);
}

/** The process that has started the emulator which a bed's namespace is named after. */
async function parentOfOwner(namespace: string): Promise<number | undefined> {
  const pid = /^tbed-(\d+)-/.exec(namespace)?.[1];
  if (pid === undefined) return undefined;
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]);
}
