import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';

/** The text of a new concentrator configuration, with comments for who edits it. Without `listen`: the default. */
export function concentratorConfigText({
  listen,
  publicAddresses,
}: {
  readonly listen: readonly Destination[];
  readonly publicAddresses: readonly Destination[];
}): string {
  return `# Configuration of tributary-concentrator. Paths are relative to this file.
# Keys that are not here have their defaults; config/concentrator.example.yaml explains all of them.
# SIGHUP makes a running concentrator read the clients, the certificate, the egress rules and the log level again.

# Where clients' subflows arrive.
${listen.length > 0 ? `listen:\n${list(listen)}` : '# listen: ["0.0.0.0:8443", "[::]:8443"]\n'}
# Where clients reach this machine, as written into their links.
public:
${list(publicAddresses)}
tls:
  certificate: certificate.pem
  key: key.pem

clients: clients.yaml

# Which origins clients may reach. Private, loopback and other special addresses are refused unless allowed here.
egress:
  # allow: ["10.0.0.0/8:22"]
  deny:
    # Mail relays are what open proxies are abused for; submission with a login is on 465 and 587.
    - "*:25"

# Congestion control of what is sent to clients, instead of BBR (or the system's, where BBR is not allowed).
# congestionControl: cubic
`;
}

function list(addresses: readonly Destination[]): string {
  return addresses.map((address) => `  - ${JSON.stringify(formatDestination(address))}\n`).join('');
}
