import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COMPILER = 'node_modules/typescript/bin/tsc';
/** Programs of the tests themselves. */
const TEST_PROGRAMS = ['test/bench/tsconfig.json', 'test/use-cases/tsconfig.json'];

/** Builds before any test runs: tests of whole programs run what a user runs, and no compiler beside what they measure. */
export default function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' });
  for (const project of TEST_PROGRAMS) {
    execFileSync(process.execPath, [COMPILER, '-p', project], { cwd: ROOT, stdio: 'inherit' });
  }
}
