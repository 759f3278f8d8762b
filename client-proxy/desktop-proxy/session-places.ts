import { existsSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ConfigPlaces } from '../../shared/runtime/config/config-search.ts';
import { type CommandResult, runCommand } from '../network/run-command.ts';
import { ProxySettingError } from './setting-store.ts';

/** What of the surroundings says where a user's settings are. */
export type UserPlaces = Pick<ConfigPlaces, 'env' | 'homeDirectory'>;

/** They answer in milliseconds. All changes of GNOME with a bus of their own take a second, and a minute on a machine that is very busy. */
const LIMITS = { timeoutMs: 60_000, maxOutputBytes: 256 * 1024 };

/** Where programs keep a user's configuration (XDG Base Directory Specification). */
export function configHome({ env, homeDirectory }: UserPlaces): string {
  return env.XDG_CONFIG_HOME?.startsWith('/') ? env.XDG_CONFIG_HOME : join(homeDirectory, '.config');
}

/** Whether a session bus of D-Bus runs for the user. */
export function hasSessionBus({ env }: UserPlaces): boolean {
  if (env.DBUS_SESSION_BUS_ADDRESS) return true;
  return env.XDG_RUNTIME_DIR !== undefined && existsSync(join(env.XDG_RUNTIME_DIR, 'bus'));
}

/** Runs a tool of a desktop; undefined where there is none. Rejects with ProxySettingError where it does not end. */
export async function runDesktopTool(
  command: string,
  args: readonly string[],
): Promise<CommandResult | undefined> {
  try {
    return await runCommand(command, args, LIMITS);
  } catch (error) {
    // What was run stands behind the first line.
    const [reason] = (error as Error).message.split('\n');
    throw new ProxySettingError(`${command} did not end well: ${reason}`);
  }
}

/** Removes a folder of a user and those around it, as far as nothing else is in them; not `kept`, nor what is around that. */
export async function removeEmptyFolders(
  folder: string,
  { homeDirectory }: UserPlaces,
  kept?: string,
): Promise<void> {
  for (let each = folder; each !== kept && each.startsWith(`${homeDirectory}/`); each = dirname(each)) {
    try {
      await rmdir(each);
    } catch {
      return;
    }
  }
}
