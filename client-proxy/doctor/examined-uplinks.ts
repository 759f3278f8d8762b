import { formatDestination } from '../../shared/protocol/destination.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import type { ClientConfig, ConfiguredUplink } from '../config/client-config.ts';
import { discoverNow } from '../discovery/discover-now.ts';
import type { LeftOut } from '../discovery/discover-uplinks.ts';
import type { NetworkView } from '../network/network-view.ts';
import { type DeviceBinding, deviceBindingOf } from '../uplink/uplink.ts';

/** What the doctor looks at. */
export interface ExaminedUplinks {
  /** Those of the list, and those that are found. */
  readonly uplinks: readonly ConfiguredUplink[];
  /** Uplinks that are turned off, and interfaces that are none; nothing where uplinks are named. */
  readonly leftOut: readonly LeftOut[];
}

/**
 * The uplinks that a client with this configuration would have now; of them those that are named, where some are. Throws UsageError
 * for a name that none has.
 */
export function examinedUplinks(
  config: ClientConfig,
  view: NetworkView,
  bindsByInterface: boolean,
  named: readonly string[] | undefined,
): ExaminedUplinks {
  const found = discoverNow(config, view, bindsByInterface);
  const all = [...config.uplinks, ...found.uplinks];
  if (named === undefined) {
    const off = all.filter(({ isOff }) => isOff === true);
    return {
      uplinks: all.filter((uplink) => !off.includes(uplink)),
      leftOut: [...off.map(turnedOff), ...found.leftOut],
    };
  }
  const missing = named.filter((name) => all.every((uplink) => uplink.name !== name));
  if (missing.length > 0) {
    const names = all.map(({ name }) => name).join(', ') || 'none';
    throw new UsageError(`there is no uplink ${missing.join(', ')} now: there are ${names}`);
  }
  return { uplinks: all.filter(({ name }) => named.includes(name)), leftOut: [] };
}

/** The user wants nothing to go over it, unless it is named. */
function turnedOff({ name }: ConfiguredUplink): LeftOut {
  return { interface: name, reason: 'turned off by `enabled: false`', isCandidate: true };
}

/** What an uplink is, for a heading. */
export function describeUplink({ name, binding, metered }: ConfiguredUplink): string {
  const device = deviceBindingOf(binding);
  const over = device && describeDevice(device);
  const way =
    binding.kind === 'proxy'
      ? `proxy ${formatDestination(binding)}${over === undefined ? '' : ` over ${over}`}`
      : over;
  return `${name} (${way}${metered === undefined ? '' : ', metered'})`;
}

function describeDevice(device: DeviceBinding): string {
  return device.kind === 'interface' ? `interface ${device.interface}` : `address ${device.address}`;
}
