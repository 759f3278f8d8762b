import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The tests of whole programs run what a user runs: the build. Whoever starts the tests may have made it already. */
export default function setup(): void {
  if (process.env.TRIBUTARY_TESTS_BUILD_NOTHING === 'true') return;
  execFileSync('npm', ['run', '--silent', 'build'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: 'inherit',
  });
}
