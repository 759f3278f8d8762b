import { TributaryError } from '../../shared/protocol/errors.ts';
import { runCommand } from '../network/run-command.ts';

/** The packet filter could not be changed; the message says what is missing. */
export class PacketFilterError extends TributaryError {
  constructor(message: string) {
    super('networkFailure', message, 'ours');
  }
}

/** A few rules take milliseconds; the kernel may have to load modules first. */
const LIMITS = { timeoutMs: 10_000, maxOutputBytes: 64 * 1024 };
/** The PATH of a user often lacks the folders of the administrator's programs. */
const PROGRAMS = ['nft', '/usr/sbin/nft', '/sbin/nft'] as const;

/** Has `nft` do what a script says, all of it or nothing. Rejects with PacketFilterError. */
export async function changePacketFilter(
  script: string,
  programs: readonly string[] = PROGRAMS,
): Promise<void> {
  for (const program of programs) {
    const result = await runCommand(program, ['-f', '-'], LIMITS, script);
    if (result === undefined) continue;
    if (result.exitCode !== 0) throw new PacketFilterError(reasonOf(result.stderr));
    return;
  }
  throw new PacketFilterError('nft is not installed (on Debian: apt-get install nftables)');
}

/** What `nft` complained of, for who has to mend it. */
function reasonOf(stderr: string): string {
  const [line = 'it said nothing'] = stderr.split('\n').filter((text) => text.trim() !== '');
  if (/not permitted/i.test(stderr)) {
    return 'only root (CAP_NET_ADMIN) may change the packet filter: use sudo, or give what --print prints to "nft -f -"';
  }
  if (/not supported|no such file/i.test(stderr)) {
    return (
      'the kernel cannot do this; it needs NAT of nftables (its modules are nft_chain_nat, nft_redir, nft_nat, nft_fib_inet and ' +
      `nft_reject_inet): ${line}`
    );
  }
  return `nft refused the rules: ${line}`;
}
