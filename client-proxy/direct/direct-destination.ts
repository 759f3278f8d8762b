import { isSameAddress, parseAddress } from '../../shared/runtime/address/ip-address.ts';
import type { Nat64Prefix } from '../../shared/runtime/address/nat64.ts';
import { type AddressScope, judgeAddress } from '../../shared/runtime/address/special-ranges.ts';

/** What direct connections may reach: with a rule that names the uplink for them, private networks behind it too; else what is public. */
export type DirectReach = 'named' | 'public';

/** Scopes of what lies behind an uplink as well as anywhere else; the others are this machine, or nobody's. */
const REACHABLE: Readonly<Record<DirectReach, ReadonlySet<AddressScope>>> = {
  named: new Set(['site', 'assigned']),
  public: new Set(['assigned']),
};

/**
 * Why no direct connection may be made to an address, in words; undefined where one may.
 *
 * Private networks are open where a rule sends them there on purpose (a printer, a router's pages). Nothing else gets there, as
 * nothing does through the concentrator: behind each uplink they are others. Closed is in any case what leads to
 * this machine, link-local and all metadata addresses included, also those amid private space: whoever uses the proxy from
 * elsewhere, or controls a name that a rule lets pass, must not get at what listens for this machine alone.
 *
 * @param nat64 the prefixes of the translators that are known behind the uplink
 */
export function directRefusal(
  text: string,
  ownAddresses: readonly string[],
  nat64: readonly Nat64Prefix[] = [],
  reach: DirectReach = 'named',
): string | undefined {
  const forms = judgeAddress(text, nat64);
  if (forms === undefined) return `"${text}" is not an IP address without a zone`;
  for (const { address, special } of forms) {
    if (special !== undefined && !REACHABLE[reach].has(special.scope)) {
      const advice = REACHABLE.named.has(special.scope) ? ' but by a rule with "direct" for it' : '';
      return `${text} is a special address (${special.name}, ${special.cidr}), which is not dialled directly${advice}`;
    }
    const isOwn = ownAddresses.some((own) => {
      const parsed = parseAddress(own);
      return parsed !== undefined && isSameAddress(parsed, address);
    });
    if (isOwn) return `${text} is this machine itself`;
  }
  return undefined;
}
