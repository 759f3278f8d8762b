import type { Destination } from '../../../shared/protocol/destination.ts';
import type { SecretFileProblem } from '../../../shared/runtime/config/secret-files.ts';
import type { Check } from '../../../shared/runtime/doctor/run-checks.ts';
import type { runTool } from '../../../shared/runtime/doctor/run-tool.ts';
import type { ConcentratorConfig } from '../../config/concentrator-config.ts';
import type { PortLook } from './look-at-port.ts';

/** What the checks of a concentrator are given; others stand in for it in tests. */
export interface ConcentratorCase {
  readonly config: ConcentratorConfig;
  now(): Date;
  /** The addresses that lead to this machine; see `OwnAddresses`. */
  ownAddresses(publicAddresses: readonly Destination[]): Promise<readonly string[]>;
  /** Who answers at one of the concentrator's addresses. */
  lookAtPort(address: Destination): Promise<PortLook>;
  readonly runTool: typeof runTool;
  /** As the function of this name, for the service of this system. */
  secretFileProblems(files: ReadonlyMap<string, string>): Promise<readonly SecretFileProblem[]>;
  /** A file of the kernel's; undefined where it is not there. */
  readFile(path: string): Promise<string | undefined>;
  /** The addresses of a name. Rejects with StreamError. */
  resolve(name: string): Promise<readonly string[]>;
  readonly nameServers: readonly string[];
  /** Asks a name server; resolves when it answers, be it that there is no such name. Rejects with Node's error. */
  askNameServer(server: string): Promise<void>;
  readonly totalMemoryBytes: number;
}

export type ConcentratorCheck = Check<ConcentratorCase>;
