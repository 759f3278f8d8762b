import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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
/** They mostly wait: three at once take half of one processor, and a minute and a half. */
const AT_ONCE = 3;
const LIMIT_MS = 300_000;

describe('npm run use-cases', needs('bed'), () => {
  let out: string;
  let files: string[] = [];
  let outcomes: readonly Outcome[] = [];
  let exitCode: number | null;

  beforeAll(async () => {
    out = await mkdtemp(join(tmpdir(), 'tributary-use-cases-out-'));
    const child = spawn(process.execPath, [PROGRAM, '--at-once', String(AT_ONCE), '--out', out], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const timer = setTimeout(() => child.kill('SIGTERM'), LIMIT_MS - 10_000);
    [exitCode] = await once(child, 'exit');
    clearTimeout(timer);
    files = await readdir(out);
    const json = files.find((name) => name.endsWith('.json'));
    outcomes = JSON.parse(await readFile(join(out, json!), 'utf8')).outcomes;
  }, LIMIT_MS);
  afterAll(() => rm(out, { recursive: true, force: true }));

  test.for(USE_CASES.map(({ name, requirement }) => ({ name, requirement })))(
    '$name: $requirement',
    ({ name }, context) => {
      const outcome = outcomes.find((one) => one.name === name);
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
        const picture = files.find((file) => file.endsWith(`-${name.replaceAll('/', '-')}-${direction}.svg`));
        expect(await readFile(join(out, picture!), 'utf8')).toMatch(
          /^<svg [\s\S]*<path [^>]*fill="#1f6feb"[\s\S]*<\/svg>\n$/,
        );
      }
    }
    expect(exitCode).toBe(outcomes.every(({ verdict }) => verdict === 'met') ? 0 : 1);
  });
});
