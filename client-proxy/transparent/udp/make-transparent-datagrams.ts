import type { Destination } from '../../../shared/protocol/destination.ts';
import type { NativeLoad } from '../../../shared/runtime/kernel/native.ts';
import type { ProcessWatch } from '../../../shared/runtime/observe/process-watch.ts';
import type { TargetNames } from '../../dns/target-names.ts';
import { ownAddresses } from '../../network/network-view.ts';
import { isConcentratorPlace } from '../concentrator-places.ts';
import type { TransparentSettings } from '../transparent-settings.ts';
import { TransparentDatagrams, type TransparentDatagramsOptions } from './transparent-datagrams.ts';

/** What it has from the process, and from other parts. */
type Given = Pick<TransparentDatagramsOptions, 'sockets' | 'relay' | 'counts' | 'clock' | 'logger'> & {
  readonly native: NativeLoad;
  readonly names: Pick<TargetNames, 'known'>;
  readonly concentrators: { readonly addresses: readonly Destination[] };
  readonly watch: Pick<ProcessWatch, 'hasDescriptor'>;
};

/** What the configuration says of it. */
interface Configured {
  readonly transparent?: TransparentSettings;
  readonly datagrams: boolean;
}

/** The listener for redirected datagrams, if the configuration has one and this system can. */
export function makeTransparentDatagrams(
  { transparent: settings, datagrams }: Configured,
  { native: { native }, names, concentrators, watch, ...given }: Given,
): TransparentDatagrams | undefined {
  if (settings?.udp !== true || !datagrams || native === undefined) return undefined;
  return new TransparentDatagrams({
    ...given,
    native,
    points: settings.listen,
    ownAddresses,
    isConcentrator: (destination) =>
      isConcentratorPlace(destination, concentrators.addresses, (name) => names.known(name)),
    hasDescriptor: () => watch.hasDescriptor('stream'),
  });
}
