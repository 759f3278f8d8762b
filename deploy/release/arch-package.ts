import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checksum } from './checksums.ts';
import { fillTemplate } from './fill-template.ts';
import { packageVersion } from './package-version.ts';
import { PROJECT_FOLDER, ReleaseError, VERSION } from './project.ts';
import type { Target } from './targets.ts';

/**
 * Writes what makepkg makes a package for Arch Linux from, beside the archives of bundles that are there already. Resolves to the files.
 * Rejects with ReleaseError where there is no archive for a target.
 */
export async function writeArchSource(
  targets: readonly Target[],
  output: string,
): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const target of targets) {
    const archive = `tributary-${VERSION}-${target.name}.tar.gz`;
    const sum = await checksum(join(output, archive)).catch(() => {
      throw new ReleaseError(`there is no ${archive} in ${output}: npm run bundle makes it`);
    });
    const architecture = architectureOf(target);
    lines.push(`source_${architecture}=('${archive}')`, `sha256sums_${architecture}=('${sum}')`);
  }
  const text = await fillTemplate('deploy/arch/PKGBUILD', {
    VERSION: packageVersion(''),
    ARCHITECTURES: targets.map((target) => `'${architectureOf(target)}'`).join(' '),
    SOURCES: lines.join('\n'),
  });
  const [source, script] = ['PKGBUILD', 'tributary.install'].map((name) => join(output, name)) as [
    string,
    string,
  ];
  await writeFile(source, text);
  await copyFile(join(PROJECT_FOLDER, 'deploy/arch/tributary.install'), script);
  return [source, script];
}

function architectureOf({ cpu }: Target): string {
  return cpu === 'x64' ? 'x86_64' : 'aarch64';
}
