import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { whyNoBed } from '../bed/namespace.ts';
import type { RunRecord } from '../bench/run-group.ts';

const run = promisify(execFile);
const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const COMPILER = join(PROJECT, 'node_modules', 'typescript', 'bin', 'tsc');
const reason = whyNoBed();

describe.skipIf(reason)(`npm run bench${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let out: string;

  afterEach(() => rm(out, { recursive: true, force: true }));

  test('measures a download, says so, and writes figures and pictures', { timeout: 90_000 }, async () => {
    out = await mkdtemp(join(tmpdir(), 'tributary-bench-out-'));
    // Other tests may be running the programs: they are built here only when nobody has.
    if (!existsSync(join(PROJECT, 'dist', 'client-proxy', 'main.js'))) await compile('tsconfig.build.json');
    await compile('test/bench/tsconfig.json');
    const { stdout } = await run(
      process.execPath,
      [
        join(PROJECT, 'test/bench/build/bench/main.js'),
        ...['--scenarios', 'E1', '--hosts', 'cubic', '--workloads', 'bulk-down', '--seconds', '3'],
        ...['--contestants', 'tributary,single:a', '--repetitions', '1', '--out', out],
      ],
      { timeout: 60_000 },
    );
    expect(stdout).toMatch(/bulk download\n.*tributary over sum.*best single over sum/);
    expect(stdout).toMatch(/^E1 cubic +0\.\d\d/m);
    expect(stdout).toMatch(/Goals: \d+ met/);

    const files = await readdir(out);
    const [json] = files.filter((name) => name.endsWith('.json'));
    const { circumstances, records, goals } = JSON.parse(await readFile(join(out, json!), 'utf8'));
    expect(circumstances.node).toBe(process.version);
    expect(goals.length).toBeGreaterThan(0);
    const byContestant = new Map(
      (records as RunRecord[]).map((record) => [record.contestant, record.figures]),
    );
    expect([...byContestant.keys()].sort()).toEqual(['single:a', 'tributary']);
    for (const figures of byContestant.values()) {
      expect(figures.failures).toBe(0);
      expect(figures.overSum).toBeGreaterThan(0.2);
    }
    const [picture] = files.filter((name) => name.endsWith('E1.svg'));
    expect(await readFile(join(out, picture!), 'utf8')).toMatch(/^<svg [\s\S]*<rect[\s\S]*<\/svg>\n$/);
  });
});

async function compile(project: string): Promise<void> {
  await run(process.execPath, [COMPILER, '-p', join(PROJECT, project)], { timeout: 60_000 });
}
