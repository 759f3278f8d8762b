import { systemAddresses } from '../dns/system-addresses.ts';
import { runCommand } from '../network/run-command.ts';
import { listeningUser } from './listening-user.ts';
import { changePacketFilter } from './packet-filter.ts';
import { setPolicyRouting } from './policy-routing.ts';
import type { Redirection } from './redirection.ts';

/** What the rules need to know of the system, and the way to apply them. */
export interface RedirectSystem {
  /** Rejects with PacketFilterError. */
  changePacketFilter(script: string): Promise<void>;
  /** See `setPolicyRouting`. */
  setPolicyRouting(families: readonly (4 | 6)[]): Promise<void>;
  /** See `listeningUser`. */
  listeningUser(points: Redirection['listen']): Promise<number | undefined>;
  /** The number of a user by name; undefined where there is none. */
  userId(name: string): Promise<number | undefined>;
  /** The addresses of a name; none where they cannot be found. */
  addressesOf(name: string): Promise<readonly string[]>;
}

/** As long as a directory of users elsewhere may take. */
const LIMITS = { timeoutMs: 5_000, maxOutputBytes: 4096 };

/** That of this machine. */
export const redirectSystem: RedirectSystem = {
  changePacketFilter: (script) => changePacketFilter(script),
  setPolicyRouting: (families) => setPolicyRouting(families),
  listeningUser: (points) => listeningUser(points),
  async userId(name) {
    const result = await runCommand('id', ['-u', '--', name], LIMITS);
    return result === undefined || result.exitCode !== 0 ? undefined : Number(result.stdout);
  },
  addressesOf: (name) => systemAddresses(name).catch(() => []),
};
