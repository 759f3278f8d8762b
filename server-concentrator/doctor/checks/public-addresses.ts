import { isIP } from 'node:net';
import { formatDestination } from '../../../shared/protocol/destination.ts';
import { ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import { lacksPublicAddress, PUBLIC_ADDRESS_HINT } from '../../addresses/own-addresses.ts';
import type { ConcentratorCheck } from '../case/concentrator-check.ts';

/** Where clients are told to come is known, and resolves. */
export const publicAddressesCheck: ConcentratorCheck = {
  name: 'public-addresses',
  async run({ config, ownAddresses, resolve }) {
    const { public: all } = config;
    if (all.length === 0) {
      return warning('where clients connect is not configured, so that no link can be made', [
        `add to ${config.file}:  public: [HOST:PORT]`,
      ]);
    }
    const names = all.map(({ host }) => host).filter((host) => isIP(host) === 0);
    const known = await Promise.all(names.map((name) => resolve(name).catch(() => [])));
    const unknown = names.filter((_, i) => known[i]!.length === 0);
    if (unknown.length > 0) {
      return warning(`${unknown.join(', ')} does not resolve here`, [
        'correct the records of the name at its DNS provider',
      ]);
    }
    const addresses = [...(await ownAddresses([])), ...known.flat(), ...all.map(({ host }) => host)];
    // It may be meant so, as in a private network.
    const advice = lacksPublicAddress(addresses) ? [PUBLIC_ADDRESS_HINT] : [];
    return ok(all.map(formatDestination).join(', '), {}, advice);
  },
};
