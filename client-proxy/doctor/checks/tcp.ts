import { type Destination, formatDestination } from '../../../shared/protocol/destination.ts';
import { TributaryError } from '../../../shared/protocol/errors.ts';
import { failed, milliseconds, ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import { portBlocked } from '../../network/path-diagnosis/port-blocked.ts';
import { type EachTried, triedEach } from '../case/each-address.ts';
import { tcpRemedies } from '../case/tcp-remedies.ts';
import type { UplinkCase, UplinkCheck } from '../case/uplink-check.ts';

/** A TCP connection to each address of the concentrator. */
export const tcpCheck: UplinkCheck = {
  name: 'tcp',
  needs: ['interface', 'address', 'route', 'reverse-path', 'arp', 'names'],
  async run(it) {
    const { uplink, prober, found, diagnose, config } = it;
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
    const reasons = [...new Set(tries.failures.map(({ error }) => reasonOf(error, uplink.name)))];
    const remedy = [
      ...new Set(tries.failures.flatMap(({ address, error }) => tcpRemedies(it, error, address))),
    ];
    if (times.length === 0) {
      // What is known of the neighbours now that packets were sent.
      const suspicions = (
        await Promise.all(found.paths.map(({ target }) => diagnose(uplink, target)))
      ).flatMap((findings) => findings.filter(({ code }) => code === 'gateway-silent'));
      const [silent] = suspicions;
      if (silent !== undefined) return failed(silent.words, [silent.remedy.replaceAll('`', '')]);
      const blocked = await blockedPorts(it, tries.failures);
      if (blocked.length > 0) return failed(blocked.join('; '), [LOG_IN, ...remedy]);
      return failed(reasons.join('; '), remedy);
    }
    found.connectMs = Math.min(...tries.reached.map(({ value }) => value));
    const connect = milliseconds(found.connectMs);
    if (reasons.length > 0) return warning([...times, ...reasons].join('; '), remedy, { connect });
    // What took that long lost its first packet; a proxy may take its time, in several round trips.
    const isLossy =
      uplink.binding.kind !== 'proxy' &&
      tries.reached.some(({ value }) => value > SLOW_MS && value < config.dial.timeoutMs);
    return ok(`${times.join(', ')}${isLossy ? ': a packet was lost' : ''}`, { connect });
  },
};

/** The kernel repeats a SYN after a second. */
const SLOW_MS = 1_000;

const LOG_IN =
  'log in to this network, if it wants a login: open any page that begins with http:// over it, past the proxy';

/** Of addresses that do not answer, those whose machines do on a port that is open to everybody, in words. */
async function blockedPorts(
  { uplink, prober }: UplinkCase,
  failures: EachTried<unknown>['failures'],
): Promise<readonly string[]> {
  if (uplink.binding.kind === 'proxy') return [];
  const silent = failures.filter(({ error }) => codeOf(error) === 'timedOut');
  const answers = (address: Destination) =>
    prober.connect(uplink, address).then(
      () => true,
      (error: unknown) => codeOf(error) === 'connectionRefused',
    );
  const findings = await Promise.all(silent.map(({ address }) => portBlocked(address, answers)));
  return findings.flatMap((finding) => finding?.words ?? []);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof TributaryError ? error.code : undefined;
}

/** Of our own words, without what the line says anyway. */
export function reasonOf({ message }: Error, uplinkName: string): string {
  return message.replace(`uplink ${uplinkName}: `, '').replace('no connection to ', '');
}
