import { execFileSync } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundlePrograms } from '../../deploy/release/bundle-programs.ts';
import { BUNDLED_PROGRAMS_VARIABLE, Checkout } from '../lab/checkout.ts';

/** What the pages' files are read from, beside the bundled programs as beside the built ones. */
const PAGE_FOLDERS = [
  'client-proxy/page/browser',
  'server-concentrator/page/browser',
  'shared/page-browser',
] as const;

/**
 * The tests of whole programs run what most users run: the programs bundled, as packages and containers have them. They start in half the
 * processor time of the built files. Whoever starts the tests may have made the build already.
 */
export default async function setup(): Promise<void> {
  const { folder } = Checkout.own();
  if (process.env.TRIBUTARY_TESTS_BUILD_NOTHING !== 'true')
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: folder, stdio: 'inherit' });
  const bundled = join(folder, 'test/support/build');
  await rm(bundled, { recursive: true, force: true });
  await mkdir(bundled, { recursive: true });
  for (const { name, bytes } of (await bundlePrograms()).files) await writeFile(join(bundled, name), bytes);
  for (const page of PAGE_FOLDERS) {
    await mkdir(dirname(join(bundled, page)), { recursive: true });
    await symlink(join(folder, 'dist', page), join(bundled, page));
  }
  process.env[BUNDLED_PROGRAMS_VARIABLE] = bundled;
}
