import type { Destination } from '../../shared/protocol/destination.ts';
import type { PeerTimes } from '../../shared/runtime/app/watched-peer.ts';
import type { PortRange } from '../../shared/runtime/config/ranges.ts';
import type { LogFormat, LogLevel } from '../../shared/runtime/config/schema-pieces.ts';
import type { TuningConfig } from '../../shared/runtime/config/tuning.ts';
import type { TlsIdentity } from '../../shared/runtime/identity/certificate.ts';
import type { AnnounceConfig } from '../addresses/announced-addresses.ts';
import type { EgressRule } from './egress-rule.ts';

/** Where metrics, status and the page are, unless the configuration says. */
export const DEFAULT_METRICS_LISTEN: Destination = { host: '127.0.0.1', port: 9102 };

/** One socket that subflows arrive at. */
export interface ListenAddress extends Destination {
  /** False for the default `[::]`: a machine without IPv6 goes on with IPv4 alone. */
  readonly required: boolean;
}

/** A client that may open sessions. */
export interface ClientEntry {
  readonly id: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** The key before this one, which is good as well until the client has changed to the new one. */
  readonly oldKey?: Uint8Array;
  /** Ports of this machine that the client may publish; absent: none. */
  readonly publish?: readonly PortRange[];
  /** What people call it; any text. */
  readonly label?: string;
  /** From then on it may not connect, milliseconds since 1970; absent: never. */
  readonly expiresMs?: number;
  /** Of all its connections together, each way; absent: none. */
  readonly rateBytesPerSecond?: number;
  /** What it may carry in a month, both ways together; absent: any amount. */
  readonly quota?: ClientQuota;
  /** Its own egress rules, beside those of the concentrator. */
  readonly egress?: ClientEgress;
}

export interface ClientQuota {
  readonly bytes: number;
  /** What happens when it is used up: new connections are refused, or all share this rate, each way. */
  readonly whenUsedUp: 'refuse' | { readonly bytesPerSecond: number };
}

/** Which origins one client may reach. What the concentrator denies stays denied. */
export interface ClientEgress {
  /** Special addresses that are opened to this client as well. */
  readonly allow: readonly EgressRule[];
  readonly deny: readonly EgressRule[];
  /** Nothing else may be reached; absent: all that is allowed. */
  readonly only?: readonly EgressRule[];
}

/** The PostgreSQL database that has the clients. */
export interface ClientDatabaseConfig {
  /** A name, an address, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password?: string;
  /** Where the password came from, when not from the configuration's own file. */
  readonly passwordFile?: string;
  readonly tls: DatabaseTls;
  /** PEM; the system's certificate authorities when absent. */
  readonly ca?: string;
}

/** `verify`: the server's certificate must be good; `encrypt`: any certificate will do; `off`: in the clear. */
export type DatabaseTls = 'verify' | 'encrypt' | 'off';

/** Named bounds of one concentrator process. */
export interface ConcentratorLimits {
  readonly sessions: number;
  readonly sessionsPerClient: number;
  readonly streamsPerSession: number;
  readonly subflowsPerSession: number;
  /** Of one client: streams asked for; those beyond wait. */
  readonly opensPerSecond: number;
  /** Of one client: connection attempts to origins under way; those beyond wait. */
  readonly dialsPerClient: number;
  /** Of one client: names that are looked up at a time; those beyond wait. */
  readonly namesPerClient: number;
  /** Of one client: HELLO and JOIN; those beyond are refused. */
  readonly joinsPerSecond: number;
  /** Of one client: ports that it may have published at a time. */
  readonly publishPerClient: number;
  /** Of one client: single connections that it waits for (BIND of SOCKS5). */
  readonly bindsPerClient: number;
  /** Of one client: visitors of its ports at a time, half of them from one address; those beyond are refused. */
  readonly visitorsPerClient: number;
  /** Of one client: new visitors; those beyond are refused. */
  readonly visitorsPerSecond: number;
  /** Of one client: bytes exchanged for measurements (`tributary-client doctor`). */
  readonly measurementBytesPerHour: number;
  readonly memoryPerSessionBytes: number;
  readonly memoryPerClientBytes: number;
  readonly memoryTotalBytes: number;
  /** From a connection's arrival to its accepted HELLO or JOIN. */
  readonly handshakeTimeoutMs: number;
  /** TLS handshakes that may begin in a second; half of them are kept for sources that have proven a key lately. */
  readonly handshakesPerSecond: number;
  readonly streamIdleTimeoutMs: number;
  /** From the signal to stop until what is left is cut. */
  readonly drainTimeoutMs: number;
}

/** UDP of clients' applications. */
export interface DatagramConfig {
  readonly enabled: boolean;
  /** Where packets of clients arrive; the port of each listening address when absent. */
  readonly port?: number;
  /** Of one client: applications' sources and destinations in pairs. */
  readonly flowsPerClient: number;
  /** Of one client: applications' sources, each with a socket of its own, or one for each address family. */
  readonly associationsPerClient: number;
  /** Of all clients. */
  readonly associations: number;
  /** A flow without a datagram either way for so long ends. */
  readonly idleTimeoutMs: number;
}

/** Everything the concentrator is told by its files: checked, complete, frozen. */
export interface ConcentratorConfig {
  /** The file this came from. */
  readonly file: string;
  readonly listen: readonly ListenAddress[];
  /** Where clients reach this machine; the addresses in their links. */
  readonly public: readonly Destination[];
  /** The server name (SNI) by which JOINs find this machine behind a balancer; absent: they have none of their own. */
  readonly joinName?: string;
  /** What clients are told of this machine's addresses. */
  readonly announce: AnnounceConfig;
  /** Networks of load balancers, in canonical text: what connects from there begins with a PROXY header. */
  readonly balancers: readonly string[];
  /** PEM texts. */
  readonly tls: TlsIdentity;
  readonly tlsCertificateFile: string;
  readonly tlsKeyFile: string;
  /** The certificate that the concentrator is about to change to, PEM: links have its pin, too. */
  readonly nextCertificate?: string;
  /** Why it cannot change to what is prepared; for a person. */
  readonly nextCertificateProblem?: string;
  /** Absent where a database has the clients. */
  readonly clientsFile?: string;
  readonly clientsDatabase?: ClientDatabaseConfig;
  /** Those of the file. */
  readonly clients: readonly ClientEntry[];
  /** Where usage and the last known list of a database are kept; absent: where the system says. */
  readonly stateDirectory?: string;
  readonly egress: {
    readonly allow: readonly EgressRule[];
    readonly deny: readonly EgressRule[];
    readonly connectTimeoutMs: number;
    readonly resolveTimeoutMs: number;
  };
  readonly datagrams: DatagramConfig;
  /** Who may connect to the ports that clients publish: everybody where `allow` is empty. Networks in canonical text. */
  readonly visitors: {
    readonly allow: readonly string[];
    readonly deny: readonly string[];
    /** Where single connections are waited for (BIND of SOCKS5); absent: the kernel chooses. */
    readonly bindPorts?: readonly PortRange[];
  };
  readonly limits: ConcentratorLimits;
  /** Processes that serve clients; `auto`: one for each core. */
  readonly workers: number | 'auto';
  /** So many clients have metrics of their own; all others share one. */
  readonly clientMetrics: number;
  /** How the other ends of connections of origins are looked after. */
  readonly connections: PeerTimes;
  /** How long a session and its streams wait without any subflow. */
  readonly lingerMs: number;
  /** The kernel's congestion control for accepted subflows; BBR where allowed when absent. */
  readonly congestionControl?: string;
  /** Absent: no endpoint. */
  readonly metrics?: {
    readonly listen: Destination;
    readonly hosts: readonly string[];
    /** Of the page; without it the page is served on loopback alone. */
    readonly password?: string | undefined;
  };
  /** Numbers that replace the core's own; for experiments. */
  readonly tuning: TuningConfig;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
}
