import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { ANY_NETWORK } from '../../client-proxy/network/network-reader.ts';
import type { NetworkView } from '../../client-proxy/network/network-view.ts';
import { makeNetworkWatch } from '../../client-proxy/network-watching.ts';

const TABLE = {
  shared0: [
    {
      ...{ address: '10.0.0.7', netmask: '255.0.0.0', family: 'IPv4', mac: '02:00:00:00:00:07' },
      ...{ internal: false, cidr: '10.0.0.7/8' },
    },
  ],
} as const;

it('learns of the network where it is told, and starts nothing of its own', async () => {
  const views: NetworkView[] = [];
  let asked = 0;
  let tellChange = () => {};
  const watch = makeNetworkWatch(
    { mode: 'concentrator', concentrators: [] },
    {
      clock: () => performance.now(),
      random: () => 0.5,
      logger: pino({ enabled: false }),
      network: {
        source: {
          async runIp() {
            asked++;
            return undefined;
          },
          networkInterfaces: () => TABLE as never,
          deviceOf: () => undefined,
        },
        monitor(onEvent) {
          tellChange = onEvent;
          return { isWatching: true, stop() {} };
        },
      },
    },
    {
      uplinks: {
        networkNeeds: ANY_NETWORK,
        onNetwork: (view: NetworkView) => void views.push(view),
        onUnknownNetwork() {},
      } as never,
      names: { known: () => [] } as never,
      steering: { review() {} } as never,
      concentrators: { addresses: [] },
      onChanged() {},
    },
  );
  await watch.start();
  expect(views.map(({ interfaces }) => interfaces.map(({ name }) => name))).toEqual([['shared0']]);
  expect(asked).toBe(1);
  tellChange();
  await sleep(0);
  watch.stop();
  // The same again is no news.
  expect(views).toHaveLength(1);
});
