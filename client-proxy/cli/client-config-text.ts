import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { formatClientKey } from '../../shared/runtime/identity/client-key.ts';
import type { JoinLink } from '../../shared/runtime/identity/link.ts';

/** An uplink to be written down, bound by interface or by address. */
export type NewUplink = { readonly name: string } & (
  | { readonly interface: string }
  | { readonly address: string }
);

/** The text of a new client configuration, with comments for who edits it. */
export function clientConfigText({
  link,
  listen,
  users,
  uplinks,
}: {
  readonly link: JoinLink;
  readonly listen: Destination;
  readonly users: readonly { readonly name: string; readonly password: string }[];
  readonly uplinks: readonly NewUplink[];
}): string {
  return `# Configuration of tributary-client. It holds the client's key: keep it readable by its owner alone.
# Keys that are not here have their defaults; config/client.example.yaml explains all of them.

concentrator:
  addresses:
${link.addresses.map((address) => `    - ${quoted(formatDestination(address))}\n`).join('')}\
  # The SHA-256 of the concentrator's certificate: no other machine is trusted.
  pin: ${quoted(link.pin.text)}

client:
  id: ${quoted(link.clientId)}
  key: ${quoted(formatClientKey(link.clientKey))}

socks:
  # Where applications connect.
  listen: ${quoted(formatDestination(listen))}
${users.length > 0 ? usersText(users) : ''}
# The ways to the internet; each connection is spread over all of them. Each has a name of its own and one of
#   interface: eth0                           bound to a network interface
#   address: 192.168.1.2                      bound to an address of this machine (needs a routing rule for it)
#   proxy: "socks5://user:pass@host:1080"     through another SOCKS5 proxy
# and may have
#   backup: true                              carries data only when no other uplink can
#   congestionControl: cubic                  instead of BBR
uplinks:${uplinks.length > 0 ? `\n${uplinks.map(uplinkText).join('')}` : ' []\n'}`;
}

function usersText(users: readonly { readonly name: string; readonly password: string }[]): string {
  return `  # Other machines can reach this address, so a user and password are asked for.
  users:
${users.map(({ name, password }) => `    - { name: ${quoted(name)}, password: ${quoted(password)} }\n`).join('')}`;
}

function uplinkText(uplink: NewUplink): string {
  const binding =
    'interface' in uplink ? `interface: ${quoted(uplink.interface)}` : `address: ${quoted(uplink.address)}`;
  return `  - name: ${quoted(uplink.name)}\n    ${binding}\n`;
}

/** A text as YAML in double quotes, of which JSON is a subset. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
