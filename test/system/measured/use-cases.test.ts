import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../../support/needs.ts';
import { USE_CASES } from '../../use-cases/cases/all.ts';
import { isMet } from '../../use-cases/check.ts';
import { reportText } from '../../use-cases/report.ts';
import type { Outcome } from '../../use-cases/run-use-case.ts';
import { ROOT } from '../support/program.ts';
import { report } from '../support/system.ts';

const PROGRAM = join(ROOT, 'test/use-cases/build/use-cases/main.js');
/** Each mostly waits, and takes less than half of a processor. */
const AT_ONCE = Math.min(3, availableParallelism());
const MOST_PLAYS = 3;
/** Nothing is played any more then. On a calm machine all of them take two minutes, and one alone half a minute. */
const LIMIT_MS = 360_000;
/** What the machine was too busy for is played again until then: it fails nothing. */
const PATIENCE_MS = 200_000;
/** The program ends within that when it is told to. */
const STOP_MS = 30_000;

interface Play {
  /** What has been played to its end. */
  readonly outcomes: readonly Outcome[];
  readonly exitCode: number | null;
  readonly out: string;
  readonly files: readonly string[];
}

// To run a test again would be to look at the same outcome again: what is missed is played again before the tests.
describe('npm run use-cases', { ...needs('bed'), retry: 0 }, () => {
  let folder: string;
  let first: Play;
  /** The last of each use case, by name. */
  const outcomes = new Map<string, Outcome>();

  beforeAll(
    async () => {
      folder = await mkdtemp(join(tmpdir(), 'tributary-use-cases-'));
      const startMs = performance.now();
      const leftMs = (limitMs: number) => startMs + limitMs - performance.now();
      const play = async (...args: readonly string[]) => {
        const one = await played(folder, leftMs(LIMIT_MS), args);
        for (const outcome of one.outcomes) outcomes.set(outcome.name, outcome);
        return one;
      };
      first = await play('--at-once', String(AT_ONCE));
      for (let plays = 1; plays < MOST_PLAYS; plays++) {
        // Each alone, and those first that would fail: there may not be time for all.
        for (const [verdict, limitMs] of [
          ['missed', LIMIT_MS],
          ['too slow', PATIENCE_MS],
        ] as const) {
          for (const outcome of [...outcomes.values()].filter((one) => one.verdict === verdict)) {
            if (leftMs(limitMs) <= 0) break;
            report(`played again: ${reportText(outcome)}`);
            await play(outcome.name);
          }
        }
      }
    },
    LIMIT_MS + 2 * STOP_MS,
  );
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.for(USE_CASES.map(({ name, requirement }) => ({ name, requirement })))(
    '$name: $requirement',
    ({ name }, context) => {
      const outcome = outcomes.get(name);
      if (!outcome) throw new Error('not played');
      report(reportText(outcome));
      if (outcome.verdict === 'too slow') context.skip('the machine is too busy to measure');
      expect(outcome.error).toBeUndefined();
      expect(outcome.checks.filter((check) => !isMet(check))).toEqual([]);
    },
  );

  test('writes a picture of each, and ends with 1 when something is missed', async () => {
    for (const { name, drawn } of USE_CASES) {
      for (const direction of drawn) {
        const picture = first.files.find((file) =>
          file.endsWith(`-${name.replaceAll('/', '-')}-${direction}.svg`),
        );
        expect(await readFile(join(first.out, picture!), 'utf8')).toMatch(
          /^<svg [\s\S]*<path [^>]*fill="#1f6feb"[\s\S]*<\/svg>\n$/,
        );
      }
    }
    expect(first.exitCode).toBe(first.outcomes.every(({ verdict }) => verdict === 'met') ? 0 : 1);
  });
});

/** What the program plays within a time, and writes to a folder of its own. */
async function played(folder: string, limitMs: number, args: readonly string[]): Promise<Play> {
  const out = await mkdtemp(join(folder, 'play-'));
  const child = spawn(process.execPath, [PROGRAM, ...args, '--out', out], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const timer = setTimeout(() => child.kill('SIGTERM'), limitMs);
  const [exitCode] = await once(child, 'exit');
  clearTimeout(timer);
  const files = await readdir(out);
  const json = files.find((name) => name.endsWith('.json'));
  const { outcomes } = JSON.parse(await readFile(join(out, json!), 'utf8'));
  return { outcomes, exitCode, out, files };
}
