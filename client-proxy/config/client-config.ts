import type { Destination } from '../../shared/protocol/destination.ts';
import type { LogFormat, LogLevel } from '../../shared/runtime/config/schema-pieces.ts';
import type { CertificatePin } from '../../shared/runtime/net/certificate-pin.ts';
import type { Uplink } from '../../shared/runtime/net/uplink.ts';
import type { SubflowsPerPath } from '../path-manager/subflow-bound.ts';
import type { SteeringConfig } from '../steering/steering-rule.ts';

/** An uplink as configured. */
export interface ConfiguredUplink extends Uplink {
  /** The kernel's congestion control for its subflows, such as `bbr`; BBR where allowed when absent. */
  readonly congestionControl?: string;
  /** In place of the number for all. */
  readonly subflowsPerPath?: SubflowsPerPath;
  /** Asked for the names of direct destinations, as `address` or `address:port`; those of the system when absent. */
  readonly nameServers?: readonly string[];
}

/** When an application is told "connected" before the origin answered. */
export type OptimisticReply = { readonly ports: readonly number[] } | 'always' | 'never';

/** Everything the client proxy is told by its configuration file: checked, complete, frozen. */
export interface ClientConfig {
  /** The file this came from. */
  readonly file: string;
  readonly concentrator: {
    /** Tried in any order; at least one. */
    readonly addresses: readonly Destination[];
    /** The certificate that it must show. */
    readonly pin: CertificatePin;
    /** Sent as SNI; nothing is sent when absent. */
    readonly serverName?: string;
  };
  readonly client: {
    readonly id: string;
    /** 32 bytes. */
    readonly key: Uint8Array;
  };
  /** Where the key came from, when not from `file`. */
  readonly keyFile?: string;
  readonly socks: {
    readonly listen: Destination;
    /** Empty: no authentication. */
    readonly users: readonly { readonly name: string; readonly password: string }[];
    readonly optimisticReply: OptimisticReply;
    readonly negotiationTimeoutMs: number;
    readonly maxConnections: number;
  };
  /** 1 to 16, with unique names. */
  readonly uplinks: readonly ConfiguredUplink[];
  readonly subflowsPerPath: SubflowsPerPath;
  readonly steering: SteeringConfig;
  /** How long the session and its streams wait with every uplink gone. */
  readonly lingerMs: number;
  readonly dial: {
    /** For TCP and TLS of one attempt together. */
    readonly timeoutMs: number;
    readonly backoffMinMs: number;
    readonly backoffMaxMs: number;
  };
  readonly memory: { readonly perSessionBytes: number };
  /** Absent: no endpoint. */
  readonly metrics?: { readonly listen: Destination };
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
}
