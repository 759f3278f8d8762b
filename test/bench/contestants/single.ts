import type { ContestantKind } from './contestant.ts';

/** Plain TCP from the application to the origin over one uplink, chosen by source address. One contestant for each uplink. */
export const single: ContestantKind = {
  name: 'single',
  title: 'plain TCP over one uplink',
  missing: () => undefined,
  of: (scenario) =>
    scenario.uplinks.map(({ name }) => ({
      name: `single:${name}`,
      uplink: name,
      start: async (bed) => ({
        route: { localAddress: bed.uplink(name).client.v4 },
        processes: [],
        stop: async () => {},
      }),
    })),
};
