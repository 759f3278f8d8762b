import { type Finding, skipped } from '../../shared/runtime/doctor/finding.ts';
import type { LeftOut } from '../discovery/discover-uplinks.ts';
import type { NetworkView } from '../network/network-view.ts';
import { interfaceTrouble } from '../network/uplink-trouble.ts';
import { askForAddress } from './case/words.ts';

/** Why an interface is no uplink now; and what would make it one, where it is connected. */
export function leftOutFinding({ interface: name, reason }: LeftOut, { interfaces }: NetworkView): Finding {
  const own = interfaces.find((one) => one.name === name);
  const trouble = own && interfaceTrouble(own);
  // Left out for another reason.
  if (trouble?.reason !== reason) return skipped(reason);
  switch (trouble.code) {
    case 'no-route':
      return skipped(reason, trouble.command === undefined ? [] : [trouble.command]);
    case 'no-source-address':
      return skipped(reason, [askForAddress(name)]);
    default:
      return skipped(reason);
  }
}
