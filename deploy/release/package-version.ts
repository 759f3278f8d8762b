import { VERSION } from './project.ts';

/**
 * This version as managers of packages write it, which allow no hyphen in it.
 *
 * @param mark what stands before the suffix of a version that comes before a release, so that it sorts before that: `~`, or nothing for
 * pacman
 */
export function packageVersion(mark: '~' | ''): string {
  return VERSION.replaceAll('-', mark);
}
