import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The tests of whole programs run what a user runs: the build. */
export default function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: 'inherit',
  });
}
