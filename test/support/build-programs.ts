import { execFileSync } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundlePrograms } from '../../deploy/release/bundle-programs.ts';
import { BUNDLED_PROGRAMS_VARIABLE, Checkout, SOURCE_FOLDERS } from '../lab/checkout.ts';

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
  // Beside them, as beside the built ones, are the files of the pages.
  for (const top of SOURCE_FOLDERS) await symlink(join(folder, 'dist', top), join(bundled, top));
  process.env[BUNDLED_PROGRAMS_VARIABLE] = bundled;
}
