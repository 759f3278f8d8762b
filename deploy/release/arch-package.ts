import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checksum } from './checksums.ts';
import { fillTemplate } from './fill-template.ts';
import { packageVersion } from './package-version.ts';
import { dataToRemove } from './program-data.ts';
import { ReleaseError, VERSION } from './project.ts';
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
    BUNDLE: VERSION,
    ARCHITECTURES: targets.map((target) => `'${architectureOf(target)}'`).join(' '),
    SOURCES: lines.join('\n'),
  });
  const script = await fillTemplate('deploy/arch/tributary.install', {
    CLIENT: dataToRemove('tributary-client'),
    CONCENTRATOR: dataToRemove('tributary-concentrator'),
  });
  const files = { PKGBUILD: text, 'tributary.install': script };
  for (const [name, content] of Object.entries(files)) await writeFile(join(output, name), content);
  return Object.keys(files).map((name) => join(output, name));
}

function architectureOf({ cpu }: Target): string {
  return cpu === 'x64' ? 'x86_64' : 'aarch64';
}
