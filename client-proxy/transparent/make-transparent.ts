import type { Destination } from '../../shared/protocol/destination.ts';
import type { TargetNames } from '../dns/target-names.ts';
import { ownAddresses } from '../network/network-view.ts';
import type { Steering } from '../steering/steering.ts';
import { TransparentListener, type TransparentListenerOptions } from './transparent-listener.ts';
import type { TransparentSettings } from './transparent-settings.ts';

/** What it has from the process, and from other parts. */
type Given = Pick<
  TransparentListenerOptions,
  'native' | 'appPool' | 'peers' | 'watch' | 'clock' | 'logger' | 'ownConnections'
> & {
  readonly steering: Steering;
  readonly names: Pick<TargetNames, 'known'>;
  readonly concentrators: { readonly addresses: readonly Destination[] };
};

/** What the configuration says of it. */
interface Configured {
  readonly transparent?: TransparentSettings;
}

/** The listener for redirected connections, if the configuration has one; its requests go to `steering`. */
export function makeTransparent(
  { transparent: settings }: Configured,
  { steering, names, concentrators, ...given }: Given,
): TransparentListener | undefined {
  if (settings === undefined) return undefined;
  return new TransparentListener({
    ...given,
    settings,
    concentrators,
    knownAddresses: (name) => names.known(name),
    ownAddresses,
    wantsName: (subject) => steering.wantsName(subject),
    onRequest: (request) => steering.serve(request),
  });
}
