import { isAbsolute, join } from 'node:path';
import type { ConfigPlaces } from './config-search.ts';

/**
 * Where a program keeps what must survive a restart, when its configuration does not say: the directory that systemd made for the
 * service (`StateDirectory=`), the user's state directory (XDG Base Directory Specification), for root /var/lib/tributary.
 * @param name of the directory where the program is not given one
 */
export function defaultStateDirectory(
  { env, homeDirectory, isRoot }: Pick<ConfigPlaces, 'env' | 'homeDirectory' | 'isRoot'>,
  name = 'tributary',
): string {
  const [ofService] = (env.STATE_DIRECTORY ?? '').split(':');
  if (ofService && isAbsolute(ofService)) return ofService;
  // The specification says to ignore relative paths.
  const base = env.XDG_STATE_HOME?.startsWith('/') ? env.XDG_STATE_HOME : undefined;
  if (base === undefined && isRoot) return join('/var/lib', name);
  return join(base ?? join(homeDirectory, '.local/state'), name);
}
