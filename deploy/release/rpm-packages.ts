import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageVersion } from './package-version.ts';
import { dataToRemove, PROGRAM_DATA } from './program-data.ts';
import { PROJECT_FOLDER, run } from './project.ts';
import type { Target } from './targets.ts';

/**
 * Makes packages for rpm from a bundle, as deploy/rpm/tributary.spec says: `tributary-runtime` and one for each program. Needs rpmbuild.
 * Resolves to their files.
 *
 * @param bundle the folder of a bundle for the target
 * @param version what they are called
 */
export async function makeRpmPackages(
  target: Target,
  bundle: string,
  output: string,
  epochSeconds: number,
  version = packageVersion('~'),
): Promise<readonly string[]> {
  const architecture = target.cpu === 'x64' ? 'x86_64' : 'aarch64';
  // rpmbuild has shells run by paths below it, which it does not quote: there is no blank in this one.
  const work = await mkdtemp(join(tmpdir(), 'tributary-rpm-'));
  const definitions = {
    _topdir: work,
    _rpmdir: join(work, 'made'),
    bundle,
    version_of: version,
    day: changelogDay(epochSeconds),
    client_files: PROGRAM_DATA['tributary-client'].configuration.join(' '),
    client_data: dataToRemove('tributary-client'),
    concentrator_files: PROGRAM_DATA['tributary-concentrator'].configuration.join(' '),
    concentrator_data: dataToRemove('tributary-concentrator'),
  };
  const defines = Object.entries(definitions).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  const spec = join(PROJECT_FOLDER, 'deploy/rpm/tributary.spec');
  const environment = { SOURCE_DATE_EPOCH: String(epochSeconds) };
  try {
    await run('rpmbuild', ['-bb', '--quiet', '--target', architecture, ...defines, spec], environment);
    const made = join(work, 'made', architecture);
    const names = (await readdir(made)).sort();
    for (const name of names) await copyFile(join(made, name), join(output, name));
    return names.map((name) => join(output, name));
  } finally {
    await rm(work, { recursive: true });
  }
}

/** Such as `Sun Nov 29 2026`. */
function changelogDay(epochSeconds: number): string {
  const [weekday, day, month, year] = new Date(epochSeconds * 1000).toUTCString().split(/,? /);
  return `${weekday} ${month} ${day} ${year}`;
}
