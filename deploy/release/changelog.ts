import { ReleaseError } from './project.ts';

const UNRELEASED = '## [Unreleased]\n';

/**
 * The changelog with what was not released yet as that of a version. Throws ReleaseError where there is nothing, unless it `mayBeEmpty`, or
 * the version is there.
 */
export function releaseChangelog(text: string, version: string, day: string, mayBeEmpty = false): string {
  const start = text.indexOf(UNRELEASED);
  if (start < 0) throw new ReleaseError(`CHANGELOG.md has no line "${UNRELEASED.trim()}"`);
  if (text.includes(`\n## [${version}]`)) throw new ReleaseError(`CHANGELOG.md has ${version} already`);
  const body = text.slice(start + UNRELEASED.length);
  const next = body.search(/^## \[/m);
  if (!mayBeEmpty && !/^- /m.test(next < 0 ? body : body.slice(0, next))) {
    throw new ReleaseError('CHANGELOG.md has nothing under "Unreleased": there is nothing to release');
  }
  return `${text.slice(0, start)}${UNRELEASED}\n## [${version}] - ${day}\n${body}`;
}
