import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const COMPILER = 'node_modules/typescript/bin/tsc';
const PROJECTS = ['test/bench/tsconfig.json', 'test/use-cases/tsconfig.json'];

/** Compiles the programs that measure before any test runs: no compiler works beside what they measure. */
export default function setup(): void {
  if (process.env.TRIBUTARY_TESTS_BUILD_NOTHING === 'true') return;
  for (const project of PROJECTS) {
    execFileSync(process.execPath, [COMPILER, '-p', project], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: 'inherit',
    });
  }
}
