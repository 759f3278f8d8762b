import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { formatClientKey } from '../../shared/runtime/identity/client-key.ts';
import type { JoinLink } from '../../shared/runtime/identity/link.ts';

/** The text of a new client configuration, with comments for who edits it. */
export function clientConfigText({
  link,
  listen,
  users,
  found,
  include,
}: {
  readonly link: JoinLink;
  readonly listen: Destination;
  readonly users: readonly { readonly name: string; readonly password: string }[];
  /** The uplinks there are now, for who reads it. */
  readonly found: readonly string[];
  /** Interfaces to be included by name. */
  readonly include: readonly string[];
}): string {
  return `# Configuration of tributary-client. It holds the client's key: keep it readable by its owner alone.
# Keys that are not here have their defaults; config/client.example.yaml explains all of them.

concentrator:
  addresses:
${link.addresses.map((address) => `    - ${quoted(formatDestination(address))}\n`).join('')}\
  # The SHA-256 of the concentrator's certificate: no other machine is trusted.
  pin: ${pinText(link.pins)}

client:
  id: ${quoted(link.clientId)}
  key: ${quoted(formatClientKey(link.clientKey))}

socks:
  # Where applications connect.
  listen: ${quoted(formatDestination(listen))}
${users.length > 0 ? usersText(users) : ''}
# The ways to the internet; each connection is spread over all of them. These are all interfaces of this machine that lead to
# the concentrator, as they come and go, but for those of containers, virtual machines and VPNs.
# "tributary-client check" says which they are, and why others are left out. When this was written:
${found.length > 0 ? found.map((one) => `#   ${one}\n`).join('') : '#   none\n'}\
uplinks:
  auto: true
  # Never these:
  # exclude: [eth1, "usb*"]
  # These too, though virtual:
  ${include.length > 0 ? `include: [${include.map(quoted).join(', ')}]` : '# include: [tun0]'}
  # By name, for example to use mobile data only when nothing else works:
  # settings:
  #   - { match: "wwan*", backup: true }
  # And others, each with a name and one of interface, address (of this machine) and proxy:
  # list:
  #   - { name: neighbour, proxy: "socks5://user:pass@host:1080" }
`;
}

function usersText(users: readonly { readonly name: string; readonly password: string }[]): string {
  return `  # Other machines can reach this address, so a user and password are asked for.
  users:
${users.map(({ name, password }) => `    - { name: ${quoted(name)}, password: ${quoted(password)} }\n`).join('')}`;
}

/** Two while the concentrator is about to change its certificate. */
function pinText(pins: JoinLink['pins']): string {
  const texts = pins.map(({ text }) => quoted(text));
  return texts.length === 1 ? texts.join() : `[${texts.join(', ')}]`;
}

/** A text as YAML in double quotes, of which JSON is a subset. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
