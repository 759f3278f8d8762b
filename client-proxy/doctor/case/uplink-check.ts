import type { Destination } from '../../../shared/protocol/destination.ts';
import type { MonotonicClock, WallClock } from '../../../shared/runtime/clock.ts';
import type { Finding } from '../../../shared/runtime/doctor/finding.ts';
import type { MeasurementFacts } from '../../../shared/runtime/doctor/measurement-facts.ts';
import type { Check } from '../../../shared/runtime/doctor/run-checks.ts';
import type { ClientConfig, ConfiguredUplink } from '../../config/client-config.ts';
import type { Finding as PathFinding } from '../../network/finding.ts';
import type { NetworkView } from '../../network/network-view.ts';
import type { KnownName, NameAnswers, NameAsker } from './name-asker.ts';
import type { UplinkProber } from './uplink-prober.ts';

/** What the user asks of the doctor. */
export interface DoctorOptions {
  /** Measure the speed of metered uplinks, too. */
  readonly metered: boolean;
  /** Bytes of each measurement of speed, each way; it is cut off after some seconds. */
  readonly speedBytes: number;
  /** Find out for how long a NAT on the way remembers a silent connection. */
  readonly natTimeout: boolean;
}

/** What the checks of an uplink are given. */
export interface UplinkCase {
  readonly uplink: ConfiguredUplink;
  readonly config: ClientConfig;
  readonly options: DoctorOptions;
  /** The interfaces of this machine when the doctor came. */
  readonly view: NetworkView;
  /** Why they cannot be read; the view has none then. */
  readonly networkProblem?: string;
  /** What the kernel would do with packets there and back; see `diagnosePath`. Never rejects. */
  diagnose(uplink: ConfiguredUplink, target: Destination): Promise<readonly PathFinding[]>;
  readonly prober: UplinkProber;
  readonly names: NameAsker;
  /** What the system knows of the concentrator's names. */
  readonly known: ReadonlyMap<string, KnownName>;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
  /** Where the client keeps what metered uplinks have used. */
  readonly usageFile: string;
  readonly found: Found;
}

/** What the checks so far have found; each member is written by one of them. */
export interface Found {
  /** What name servers say of the concentrator's names; absent until they are asked. */
  names?: Promise<readonly NameAnswers[]>;
  /** What the kernel said of the way to each target; empty where it cannot be asked. */
  paths: readonly { readonly target: Destination; readonly findings: readonly PathFinding[] }[];
  /** Addresses of the concentrator that the uplink can try; for one that is a proxy, names too. */
  addresses: readonly Destination[];
  /** Of IPv4 addresses that a translator (NAT64) is dialled for, by what is dialled. */
  readonly translated: Map<string, string>;
  /** Those that TCP reached. */
  reached: readonly Destination[];
  /** Those where the concentrator answered. */
  secured: readonly Destination[];
  /** What the concentrator told; undefined when it is older. */
  facts?: MeasurementFacts;
  /** By how much this machine's clock is ahead of the concentrator's. */
  clockSkewMs?: number;
  /** Bytes that may be exchanged for measurements. */
  allowanceBytes: number;
  /** Why the concentrator takes no part in measurements; undefined when it does. */
  whyUnmeasured?: string;
  /** The shortest time that a TCP connection took. */
  connectMs?: number;
  /** Larger packets vanish. */
  packetBytes?: number;
  /** The round trip without load. */
  rttMs?: number;
  /** What the examination has used of a plan; absent until that is counted. */
  usage?: Promise<Finding>;
}

export type UplinkCheck = Check<UplinkCase>;

export function nothingFound(): Found {
  return { paths: [], addresses: [], translated: new Map(), reached: [], secured: [], allowanceBytes: 0 };
}
