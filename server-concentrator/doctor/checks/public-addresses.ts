import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { formatDestination } from '../../../shared/protocol/destination.ts';
import { ok, warning } from '../../../shared/runtime/doctor/finding.ts';
import { lacksPublicAddress, PUBLIC_ADDRESS_HINT } from '../../addresses/own-addresses.ts';
import type { ConcentratorCheck } from '../concentrator-check.ts';

/** Where clients are told to come is known, resolves, and is at a port that the concentrator listens at. */
export const publicAddressesCheck: ConcentratorCheck = {
  name: 'public-addresses',
  async run({ config, ownAddresses }) {
    const { public: all } = config;
    if (all.length === 0) {
      return warning('where clients connect is not configured, so that no link can be made', [
        `add to ${config.file}:  public: [HOST:PORT]`,
      ]);
    }
    const unknown = await Promise.all(
      all
        .filter(({ host }) => isIP(host) === 0)
        .map(async ({ host }) => ((await resolves(host)) ? [] : [host])),
    );
    const names = unknown.flat();
    if (names.length > 0)
      return warning(`${names.join(', ')} does not resolve here`, [
        "correct the name's records at its DNS provider",
      ]);
    if (lacksPublicAddress(await ownAddresses(all)))
      return warning(PUBLIC_ADDRESS_HINT, ['add the public address to "public"']);
    return ok(all.map(formatDestination).join(', '));
  },
};

async function resolves(name: string): Promise<boolean> {
  return lookup(name).then(
    () => true,
    () => false,
  );
}
