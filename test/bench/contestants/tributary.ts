import { startWatch } from '../../lab/agents.ts';
import { SOCKS } from '../../lab/bed-place.ts';
import { startPair } from '../../lab/tributary-pair.ts';
import type { CongestionControl, TributarySetup } from '../../lab/tributary-setup.ts';
import type { Contestant, ContestantKind } from './contestant.ts';

const METRICS = { client: 'http://127.0.0.1:9101/metrics', concentrator: 'http://127.0.0.1:9102/metrics' };

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
      const files = await setup.withUplinks(uplinks, congestionControl);
      const started = await startPair({ client, concentrator }, files, uplinks);
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
