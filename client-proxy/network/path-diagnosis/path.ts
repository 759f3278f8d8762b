import type { Destination } from '../../../shared/protocol/destination.ts';
import type { DeviceBinding } from '../../uplink/uplink.ts';
import type { AddressFamily } from '../network-view.ts';
import type { KernelSource } from './kernel-source.ts';
import type { PathDevice } from './path-devices.ts';

/** What a diagnosis looks at: the interface of an uplink, and the address at the other end. */
export interface Path {
  readonly remote: Destination;
  readonly family: AddressFamily;
  readonly binding: DeviceBinding;
  readonly bindsByInterface: boolean;
  readonly own: PathDevice;
  readonly devices: readonly PathDevice[];
  readonly kernel: KernelSource;
}
