import type { Destination } from '../../shared/protocol/destination.ts';
import type { PeerTimes } from '../../shared/runtime/app/watched-peer.ts';
import { UsageError } from '../../shared/runtime/config/command-line.ts';
import type { LogFormat, LogLevel } from '../../shared/runtime/config/schema-pieces.ts';
import type { TuningConfig } from '../../shared/runtime/config/tuning.ts';
import type { CertificatePin } from '../../shared/runtime/identity/certificate-pin.ts';
import type { ResolvingUplink } from '../dns/uplink-dns-route.ts';
import type { ConfiguredPoint } from '../front/application-points.ts';
import type { OptimisticReplyPolicy } from '../front/optimistic-reply.ts';
import type { MeteredSettings } from '../metering/metered-settings.ts';
import type { InterfaceMatch } from '../network/interface-match.ts';
import type { PathMode } from '../path-manager/paths.ts';
import type { SubflowsPerPath } from '../path-manager/subflow-bound.ts';
import type { DialledUplink, StandbyMode } from '../path-manager/uplink-role.ts';
import type { PublishedService } from '../publish/published-service.ts';
import type { BackupCondition } from '../schedule/backup-condition.ts';
import type { CostPerGB } from '../schedule/cost.ts';
import type { SteeringConfig } from '../steering/steering-rule.ts';
import type { TransparentSettings } from '../transparent/transparent-settings.ts';

/** An uplink as configured, or as discovered. */
export interface ConfiguredUplink extends DialledUplink, ResolvingUplink {
  /** It is not used at all. */
  readonly isOff?: true;
  /** Absent: it may carry whatever it can. */
  readonly metered?: MeteredSettings;
  /** The contract whose bytes it uses; it may be that of several uplinks. Absent: it is a plan of its own. */
  readonly plan?: string;
  /** Absent: it is a backup always, or never. */
  readonly backupWhen?: BackupCondition;
  /** Absent: not said. */
  readonly costs?: CostPerGB;
  /** Its share of connections that go directly over any uplink; absent: what it is measured to deliver. */
  readonly weight?: number;
}

/** What may be said of an uplink beside its name and binding. */
export type UplinkSettings = Partial<Omit<ConfiguredUplink, 'name' | 'binding'>>;

/** An uplink as it is at a time. */
export interface PresentUplink extends ConfiguredUplink {
  /** What a gigabyte costs now; absent: not said. */
  readonly costPerGB?: number;
}

/** Which interfaces become uplinks by themselves. Patterns are those of name-pattern.ts, for names of interfaces. */
export interface AutoUplinks {
  /** All that lead to the concentrator and are not virtual; else those under `include` alone. */
  readonly all: boolean;
  readonly include: readonly string[];
  /** Wins over the others. */
  readonly exclude: readonly string[];
  /** The first that matches counts. */
  readonly settings: readonly (InterfaceMatch & UplinkSettings)[];
}

/** Which uplinks there are to be. */
export interface ConfiguredUplinks {
  readonly list: readonly ConfiguredUplink[];
  /** Absent: there are no others. */
  readonly auto?: AutoUplinks;
}

/** How connections get out: by a concentrator, or without one. */
export const CLIENT_MODES = ['concentrator', 'direct'] as const;
export type ClientMode = (typeof CLIENT_MODES)[number];

/** When new connections go directly because the concentrator cannot be reached. */
export interface FallbackSettings {
  /** It has not been reached for so long. */
  readonly afterMs: number;
}

/** One concentrator, and who this client is to it. */
export interface ConfiguredConcentrator {
  readonly name: string;
  readonly concentrator: {
    /** Tried in any order; at least one. */
    readonly addresses: readonly Destination[];
    /** The certificates of which it must show one: one, or two while it changes to another. */
    readonly pins: readonly CertificatePin[];
    /** Sent as SNI; nothing is sent when absent. */
    readonly serverName?: string;
  };
  readonly client: {
    readonly id: string;
    /** 32 bytes. */
    readonly key: Uint8Array;
  };
  /** Where the key came from, when not from the configuration's own file. */
  readonly keyFile?: string;
}

/** The name of the concentrator that the file has under `concentrator`, which says none. */
export const ONLY_CONCENTRATOR = 'concentrator';

/** Where metrics, status and the page are, unless the configuration says. */
export const DEFAULT_METRICS_LISTEN: Destination = { host: '127.0.0.1', port: 9101 };

/** Everything the client proxy is told by its configuration file: checked, complete, frozen. */
export interface ClientConfig {
  /** The file this came from. */
  readonly file: string;
  /** Of its text, as `digestOf` makes it. */
  readonly digest: string;
  /** Whether there is a concentrator; `direct`: all connections go directly. */
  readonly mode: ClientMode;
  /** Sections of the file that mean nothing in this mode. */
  readonly unused: readonly string[];
  /** In the order of preference, where measurements say nothing; in mode direct none. */
  readonly concentrators: readonly ConfiguredConcentrator[];
  /** Of the first, or of the one that `aboutConcentrator` has put first; without addresses and pins in mode direct. */
  readonly concentrator: ConfiguredConcentrator['concentrator'];
  /** Of the same; empty in mode direct. */
  readonly client: ConfiguredConcentrator['client'];
  readonly socks: {
    /** At least one. */
    readonly listen: readonly ConfiguredPoint[];
    /** Empty: no authentication. */
    readonly users: readonly { readonly name: string; readonly password: string }[];
    /** Networks whose machines may connect; empty: any address. */
    readonly allow: readonly string[];
    /** When an application is told "connected" before the origin has answered. */
    readonly optimisticReply: OptimisticReplyPolicy;
    /** Whether BIND may wait for anybody. */
    readonly bindFromAnyone: boolean;
    readonly negotiationTimeoutMs: number;
    readonly maxConnections: number;
    /** Whether datagrams are taken, by UDP ASSOCIATE. */
    readonly udp: boolean;
  };
  /** Whether datagrams of applications are carried at all. */
  readonly datagrams: boolean;
  /** Absent: no redirected connections are served. */
  readonly transparent?: TransparentSettings;
  /** The listed ones: up to 16, with unique names; at least one unless `autoUplinks` is there. */
  readonly uplinks: readonly ConfiguredUplink[];
  /** Absent: there are no others. */
  readonly autoUplinks?: AutoUplinks;
  readonly subflowsPerPath: SubflowsPerPath;
  readonly steering: SteeringConfig;
  /** Ports of the concentrator that lead to services here. */
  readonly publish: readonly PublishedService[];
  /** Absent: without the concentrator, new connections wait for it. */
  readonly fallback?: FallbackSettings;
  readonly direct: {
    /** How long after its last use a host is reached over the same uplink, where the choice is free; 0: not at all. */
    readonly stickyMs: number;
  };
  /** Of backups that have none of their own. */
  readonly standby: StandbyMode;
  readonly paths: PathMode;
  /** How long the session and its streams wait with every uplink gone. */
  readonly lingerMs: number;
  readonly dial: {
    /** For TCP and TLS of one attempt together. */
    readonly timeoutMs: number;
    readonly backoffMinMs: number;
    readonly backoffMaxMs: number;
  };
  /** How the other ends of connections of applications and of direct origins are looked after. */
  readonly connections: PeerTimes;
  readonly memory: { readonly perSessionBytes: number };
  /** Where the usage of metered uplinks is kept, when not in the usual place. */
  readonly stateDirectory?: string;
  /** Absent: no endpoint. */
  readonly metrics?: {
    readonly listen: Destination;
    readonly hosts: readonly string[];
    /** For the page. */
    readonly password?: string | undefined;
  };
  /** Numbers that replace the core's own; for experiments. */
  readonly tuning: TuningConfig;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
}

/** The same for who looks at one concentrator alone. */
export function aboutConcentrator(config: ClientConfig, one: ConfiguredConcentrator): ClientConfig {
  const { concentrator, client } = one;
  return { ...config, concentrators: [one], concentrator, client };
}

/** The concentrators that a command is about: all, or the one that is named. Throws UsageError for a name that none has. */
export function concentratorsNamed(
  { concentrators }: ClientConfig,
  name: string | undefined,
): readonly ConfiguredConcentrator[] {
  if (name === undefined) return concentrators;
  const found = concentrators.filter((one) => one.name === name);
  if (found.length > 0) return found;
  const names = concentrators.map((one) => one.name).join(', ') || 'none';
  throw new UsageError(`there is no concentrator ${name}: there are ${names}`);
}
