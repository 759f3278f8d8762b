/**
 * Where a stream goes. `host` is an IPv4 address in dotted decimal, an IPv6 address in RFC 5952 text without
 * brackets, or a domain name (resolved at the concentrator); `port` is 1 to 65535.
 */
export interface Destination {
  readonly host: string;
  readonly port: number;
}

/** `host:port` for logs, with brackets around an IPv6 address. */
export function formatDestination({ host, port }: Destination): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
