import { type Destination, formatDestination } from '../../../shared/protocol/destination.ts';
import type { Finding } from '../finding.ts';

/** Of the machines that have one open, or that refuse politely. */
const COMMON_PORTS = [443, 80] as const;

/**
 * What it means that an address does not answer in time, by whether anything answers at the same host on the ports that are open to
 * everybody, be it that it refuses. Undefined where nothing does.
 */
export async function portBlocked(
  address: Destination,
  answers: (address: Destination) => Promise<boolean>,
): Promise<Finding | undefined> {
  const { host, port } = address;
  const others = COMMON_PORTS.filter((other) => other !== port);
  const answered = await Promise.all(others.map((other) => answers({ host, port: other })));
  const open = others.find((_, index) => answered[index]);
  if (open === undefined) return undefined;
  return {
    code: 'port-blocked',
    severity: 'fault',
    // Before the login many portals answer at these two alone, in the place of any machine.
    words: `${formatDestination(address)} does not answer, while port ${open} there does: this network wants a login (portal), or a firewall blocks port ${port}`,
    remedy:
      'log in to the network; or open the port, or let the concentrator listen on 443 too and add that address to concentrator.addresses',
  };
}
