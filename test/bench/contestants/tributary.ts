import { startWatch } from '../agents.ts';
import type { ContestantKind } from './contestant.ts';
import { SOCKS } from './contestant.ts';
import { startPair } from './tributary-pair.ts';
import type { PairPlace, TributarySetup } from './tributary-setup.ts';

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
    of: () => [
      {
        name: 'tributary',
        async start(bed) {
          const { client, concentrator } = bed;
          const uplinks = bed.uplinks.map(({ name }) => ({ name, interface: name }));
          const pair = await startPair({ client, concentrator }, setup, uplinks);
          return {
            ...pair,
            route: { socks: SOCKS },
            async watch() {
              const stopClient = await startWatch(client, METRICS.client);
              const stopConcentrator = await startWatch(concentrator, METRICS.concentrator);
              return async () => ({ client: await stopClient(), concentrator: await stopConcentrator() });
            },
          };
        },
      },
    ],
  };
}
