import type { CommandLineDeps } from '../../shared/runtime/config/command-line.ts';
import type { ClientConfig } from '../config/client-config.ts';
import type { NetworkInterfaces } from './uplink-discovery.ts';

/** Whether this machine lets a socket be bound to an interface, and if not, why. */
export type InterfaceBinding =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string };

/** What the client's command line gets from the process and the composer. */
export interface ClientCliDeps extends CommandLineDeps {
  readonly networkInterfaces: () => NetworkInterfaces;
  readonly interfaceBinding: () => InterfaceBinding;
  /** Runs the proxy until it is stopped. */
  readonly run: (config: ClientConfig) => Promise<void>;
}
