import { type CommandResult, runCommand } from './run-command.ts';

/** What `ip` printed, its bytes as latin1; its exit code says only that some command failed. */
export type IpResult = Omit<CommandResult, 'exitCode'>;

/** Where `ip` (iproute2) may be: a service's PATH often lacks the second and third. */
export const IP_COMMANDS = ['ip', '/usr/sbin/ip', '/sbin/ip'] as const;

/** It answers within milliseconds; a machine that is this slow gets no answer, and asks again. */
const TIMEOUT_MS = 5_000;
/** Ten thousand interfaces. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Runs `ip` to its end; undefined where none can be run. Rejects when it could not be run to its end. */
export async function runIp(
  args: readonly string[],
  input = '',
  commands: readonly string[] = IP_COMMANDS,
): Promise<IpResult | undefined> {
  // Names of interfaces may be any bytes.
  const limits = { timeoutMs: TIMEOUT_MS, maxOutputBytes: MAX_OUTPUT_BYTES, encoding: 'latin1' } as const;
  for (const command of commands) {
    const result = await runCommand(command, args, limits, input);
    if (result !== undefined) return result;
  }
  return undefined;
}
