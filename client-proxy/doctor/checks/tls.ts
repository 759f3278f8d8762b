import { formatDestination } from '../../../shared/protocol/destination.ts';
import { failed, milliseconds, ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import { PortalError } from '../../uplink/portal.ts';
import { SubflowError } from '../../uplink/subflow-error.ts';
import { triedEach } from '../case/each-address.ts';
import type { UplinkCheck } from '../case/uplink-check.ts';
import { reasonOf } from './tcp.ts';

/** TLS 1.3, and the certificate that the pin names, at each address that TCP has reached. */
export const tlsCheck: UplinkCheck = {
  name: 'tls-and-pin',
  needs: ['tcp'],
  async run({ uplink, prober, found, config }) {
    const tries = await triedEach(found.reached, (address) => prober.secure(uplink, address));
    found.secured = tries.reached.map(({ address }) => address);
    const reasons = tries.failures.map(({ error }) => reasonOf(error, uplink.name));
    const remedy = [...new Set(tries.failures.flatMap(({ error }) => remedyFor(error, config.file)))];
    if (found.secured.length === 0) return failed(reasons.join('; '), remedy);
    const handshake = milliseconds(Math.min(...tries.reached.map(({ value }) => value)));
    const good = found.secured.map(formatDestination).join(', ');
    if (reasons.length > 0) return warning(`${good} is good; ${reasons.join('; ')}`, remedy, { handshake });
    return ok(`TLS 1.3, with the certificate of the pin`, { handshake });
  },
};

function remedyFor(error: Error, file: string): string[] {
  if (!(error instanceof SubflowError)) {
    return [
      'something on the way lets TCP through and stops TLS: a portal to log in at, or a filter; try another port (443)',
    ];
  }
  if (error instanceof PortalError) {
    return [
      'log in to this network: open any page that begins with http:// over it, past the proxy',
      'if it wants no login, another program answers there: correct concentrator.addresses',
    ];
  }
  if (error.code === 'notAuthorized') {
    return [
      'at the concentrator: tributary-concentrator check   # shows its pin',
      `if the concentrator is new: tributary-client join --update   # writes its pin into ${file}`,
      'if it is not, somebody else answers in its place: a portal, a filter, or another machine at that address',
    ];
  }
  return [
    'what listens there is no concentrator: correct concentrator.addresses, or log in at the portal of this network',
  ];
}
