import { type CommandResult, runCommand } from '../network/run-command.ts';
import { IP_COMMANDS } from '../network/run-ip.ts';
import { PacketFilterError } from './packet-filter.ts';

/**
 * A bit of the mark of packets, which routes them to this machine wherever they go. Others in use: the low 16 bits (wg-quick, mwan3,
 * Kubernetes), 0xff0000 (Tailscale).
 */
export const LOCAL_MARK = '0x4000000';
/** Of the table that has the route, and the place of the rule: before those of VPNs, and behind those for addresses of uplinks. */
const TABLE = '7472';
const RULE = [...['pref', TABLE], ...['fwmark', `${LOCAL_MARK}/${LOCAL_MARK}`], ...['lookup', TABLE]];
const ROUTE = ['local', 'default', 'dev', 'lo', 'table', TABLE];

/** Two rules and two routes take milliseconds. */
const LIMITS = { timeoutMs: 5_000, maxOutputBytes: 64 * 1024 };

type Family = 4 | 6;
/** Runs `ip` with these arguments; undefined where there is none. */
export type RunIp = (args: readonly string[]) => Promise<CommandResult | undefined>;

/** The commands that route marked packets to this machine: the part of TPROXY that the packet filter does not do. */
export function policyRouting(families: readonly Family[]): readonly (readonly string[])[] {
  return families.flatMap((family) => [
    [`-${family}`, 'route', 'replace', ...ROUTE],
    [`-${family}`, 'rule', 'add', ...RULE],
  ]);
}

/**
 * Routes marked packets of these families to this machine, and of no others. Nothing but the own rules and routes is touched.
 * Rejects with PacketFilterError.
 */
export async function setPolicyRouting(families: readonly Family[], run: RunIp = runIp): Promise<void> {
  for (const args of policyRouting(families)) await must(args, /File exists/, run);
  const others = ([4, 6] as const).filter((family) => !families.includes(family));
  for (const family of others) {
    await must([`-${family}`, 'rule', 'del', ...RULE], NOT_THERE, run);
    await must([`-${family}`, 'route', 'del', ...ROUTE], NOT_THERE, run);
  }
}

/** Without iproute2, or the family, nothing can have been added. */
const NOT_THERE = /No such|does not exist|not supported|not installed|Address family/i;

async function must(args: readonly string[], unless: RegExp, run: RunIp): Promise<void> {
  const result = await run(args);
  if (result?.exitCode === 0) return;
  const reason = result === undefined ? 'ip (iproute2) is not installed' : result.stderr.trim();
  if (unless.test(reason)) return;
  throw new PacketFilterError(
    /not permitted/i.test(reason)
      ? 'only root (CAP_NET_ADMIN) may change the routing that TPROXY needs: use sudo'
      : `the routing that TPROXY needs cannot be changed: ip ${args.join(' ')}: ${reason}`,
  );
}

async function runIp(args: readonly string[]): Promise<CommandResult | undefined> {
  for (const command of IP_COMMANDS) {
    const result = await runCommand(command, args, LIMITS);
    if (result !== undefined) return result;
  }
  return undefined;
}
