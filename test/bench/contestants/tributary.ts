import { startWatch } from '../agents.ts';
import { type Contestant, type ContestantKind, SOCKS } from './contestant.ts';
import { startPair } from './tributary-pair.ts';
import type { CongestionControl, PairPlace, TributarySetup } from './tributary-setup.ts';

const METRICS = { client: 'http://127.0.0.1:9101/metrics', concentrator: 'http://127.0.0.1:9102/metrics' };
/** The concentrator's public address in every bed, and a network that covers all of a bed's. */
export const BED_PLACE: PairPlace = {
  concentrator: { host: '10.77.0.1', port: 8443 },
  socks: SOCKS,
  allow: ['10.77.0.0/16'],
};

/** The built pair, with an uplink for each of the scenario's, bound by interface. */
export function tributary(setup: TributarySetup): ContestantKind {
  return {
    name: 'tributary',
    title: 'Tributary',
    missing: () => undefined,
    of: () => [pair('tributary', setup)],
  };
}

/**
 * The same where neither end may choose BBR, as on a kernel that does not allow it. On CUBIC hosts without a fault only: the
 * other contestant chooses BBR there by itself.
 */
export function tributaryCubic(setup: TributarySetup): ContestantKind {
  return {
    name: 'tributary-cubic',
    title: 'Tributary without BBR',
    missing: () => undefined,
    of: ({ fault }, hosts) => (hosts === 'cubic' && !fault ? [pair('tributary-cubic', setup, 'cubic')] : []),
  };
}

function pair(name: string, setup: TributarySetup, congestionControl?: CongestionControl): Contestant {
  return {
    name,
    async start(bed) {
      const { client, concentrator } = bed;
      const uplinks = bed.uplinks.map((uplink) => ({ name: uplink.name, interface: uplink.name }));
      const started = await startPair({ client, concentrator }, setup, uplinks, congestionControl);
      return {
        ...started,
        route: { socks: SOCKS },
        async watch() {
          const stopClient = await startWatch(client, METRICS.client);
          const stopConcentrator = await startWatch(concentrator, METRICS.concentrator);
          return async () => ({ client: await stopClient(), concentrator: await stopConcentrator() });
        },
      };
    },
  };
}
