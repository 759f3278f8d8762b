import { type Destination, formatDestination } from '../../../shared/protocol/destination.ts';
import { failed, milliseconds, ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import { triedEach } from '../case/each-address.ts';
import type { UplinkCheck } from '../case/uplink-check.ts';

/** A TCP connection to each address of the concentrator. */
export const tcpCheck: UplinkCheck = {
  name: 'tcp',
  needs: ['interface', 'address', 'route', 'reverse-path', 'arp', 'names'],
  async run({ uplink, prober, found, diagnose, config: { dial } }) {
    if (found.addresses.length === 0) {
      return failed('the concentrator has no address of a family that this uplink has', [
        'add one to concentrator.addresses, or to the records of its name',
      ]);
    }
    const tries = await triedEach(found.addresses, (address) => prober.connect(uplink, address));
    found.reached = tries.reached.map(({ address }) => address);
    const times = tries.reached.map(
      ({ address, value }) => `${formatDestination(address)} in ${Math.round(value)} ms`,
    );
    const reasons = tries.failures.map(({ error }) => reasonOf(error, uplink.name));
    const remedy = [...new Set(tries.failures.flatMap(({ address, error }) => remedyFor(error, address)))];
    if (times.length === 0) {
      // What is known of the neighbours now that packets were sent.
      const suspicions = (
        await Promise.all(found.paths.map(({ target }) => diagnose(uplink, target)))
      ).flatMap((findings) => findings.filter(({ code }) => code === 'gateway-silent'));
      const [silent] = suspicions;
      if (silent !== undefined) return failed(silent.words, [silent.remedy.replaceAll('`', '')]);
      return failed(reasons.join('; '), remedy);
    }
    found.connectMs = Math.min(...tries.reached.map(({ value }) => value));
    const connect = milliseconds(found.connectMs);
    if (reasons.length > 0) return warning([...times, ...reasons].join('; '), remedy, { connect });
    // What took that long lost its first packet; a proxy may take its time, in several round trips.
    const isLossy =
      uplink.binding.kind !== 'proxy' &&
      tries.reached.some(({ value }) => value > SLOW_MS && value < dial.timeoutMs);
    return ok(`${times.join(', ')}${isLossy ? ': a packet was lost' : ''}`, { connect });
  },
};

/** The kernel repeats a SYN after a second. */
const SLOW_MS = 1_000;

/** Of our own words, without what the line says anyway. */
export function reasonOf({ message }: Error, uplinkName: string): string {
  return message.replace(`uplink ${uplinkName}: `, '').replace('no connection to ', '');
}

function remedyFor(error: Error, { host, port }: Destination): string[] {
  const code = 'code' in error ? error.code : undefined;
  const where = formatDestination({ host, port });
  switch (code) {
    case 'connectionRefused':
      return [
        `at the concentrator: systemctl start tributary-concentrator   # or correct "listen": ${where}`,
      ];
    case 'timedOut':
      return [
        `if no uplink reaches it: open TCP port ${port} in the firewall of the concentrator and of its provider`,
        `if others reach it, this network drops port ${port}: let the concentrator listen on 443 too, and add that address`,
      ];
    case 'destinationUnreachable':
      return [`ip route get ${host}   # the network behind the uplink says that there is no way to ${where}`];
    default:
      return [];
  }
}
