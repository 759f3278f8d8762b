/** How a subflow reaches the concentrator: bound to an interface, to a source address, or through a SOCKS5 proxy. */
export type UplinkBinding =
  | { readonly kind: 'interface'; readonly interface: string }
  | { readonly kind: 'address'; readonly address: string }
  | {
      readonly kind: 'proxy';
      readonly host: string;
      readonly port: number;
      readonly user?: string;
      readonly password?: string;
    };

export interface Uplink {
  /** Unique among the client's uplinks; the label in logs and metrics at both ends. `[A-Za-z0-9_.-]{1,32}`. */
  readonly name: string;
  readonly binding: UplinkBinding;
  /** RFC 8684's B flag: carries data only when no other uplink can. */
  readonly backup: boolean;
}
