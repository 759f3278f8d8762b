/** What a socket is bound to: an interface, or a source address. */
export type DeviceBinding =
  | { readonly kind: 'interface'; readonly interface: string }
  | { readonly kind: 'address'; readonly address: string };

/** How a subflow reaches the concentrator: bound to an interface, to a source address, or through a SOCKS5 proxy. */
export type UplinkBinding =
  | DeviceBinding
  | {
      readonly kind: 'proxy';
      readonly host: string;
      readonly port: number;
      readonly user?: string;
      readonly password?: string;
      /** What the connections to the proxy are bound to; absent: the routing table chooses. */
      readonly over?: DeviceBinding;
    };

/** What the uplink's own sockets are bound to; undefined for a proxy that the routing table leads to. */
export function deviceBindingOf(binding: UplinkBinding): DeviceBinding | undefined {
  return binding.kind === 'proxy' ? binding.over : binding;
}

export interface Uplink {
  /** Unique among the client's uplinks; the label in logs and metrics at both ends. `[A-Za-z0-9_.-]{1,32}`. */
  readonly name: string;
  readonly binding: UplinkBinding;
  /** RFC 8684's B flag: carries data only when no other uplink can. */
  readonly backup: boolean;
}
