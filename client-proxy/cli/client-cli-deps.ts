import type { Destination } from '../../shared/protocol/destination.ts';
import type { CommandLineDeps } from '../../shared/runtime/config/command-line.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { StandardInput } from '../../shared/runtime/process/standard-input.ts';
import type { Terminal } from '../../shared/runtime/process/terminal.ts';
import type { ClientConfig, ConfiguredUplink } from '../config/client-config.ts';
import type { NetworkInterfaces, NetworkNeeds, NetworkView } from '../network/network-view.ts';
import type { SpeedProgress, SpeedReport, SpeedTestRequest } from '../speedtest/speed-report.ts';
import type { RedirectSystem } from '../transparent/redirect-system.ts';

/** Whether this machine lets a socket be bound to an interface, and if not, why. */
export type InterfaceBinding =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string };

/** What the client's command line gets from the process and the composer. */
export interface ClientCliDeps extends CommandLineDeps {
  readonly input: StandardInput;
  readonly terminal: Terminal;
  readonly networkInterfaces: () => NetworkInterfaces;
  /** The interfaces, with routes towards these addresses, and with what else is needed. */
  readonly readNetwork: (destinations: readonly Destination[], needs?: NetworkNeeds) => Promise<NetworkView>;
  readonly interfaceBinding: () => InterfaceBinding;
  /** Socket calls that Node lacks, where there are any. */
  readonly nativeSockets: () => NativeSockets | undefined;
  /** Connects over each of the uplinks, in this network if it is known, as far as plans allow it; says in their order how it went. */
  readonly tryUplinks: (
    config: ClientConfig,
    uplinks: readonly ConfiguredUplink[],
    view: NetworkView | undefined,
    usageFile: string,
  ) => Promise<readonly string[]>;
  /** Measures with a client of this configuration that is there for that alone. Rejects as `SpeedTest.run`. */
  readonly speedTest: (
    config: ClientConfig,
    request: SpeedTestRequest,
    onProgress: (progress: SpeedProgress) => void,
  ) => Promise<SpeedReport>;
  /** Has work done before a command ends early; returns what takes that back. See `beforeEnd`. */
  readonly beforeEnd?: (work: () => Promise<unknown>) => () => void;
  /** For `transparent`. */
  readonly redirectSystem: () => Promise<RedirectSystem>;
  /** What starts this program: Node.js, and the program's file. */
  readonly ownCommand: readonly string[];
  /** Runs the proxy until it is stopped. */
  readonly run: (config: ClientConfig) => Promise<void>;
}
