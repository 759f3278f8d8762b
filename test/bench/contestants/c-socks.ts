import { endProgram, missingProgram, untilListening } from '../../lab/programs.ts';
import type { ContestantKind } from './contestant.ts';

const PORT = 1081;

/** Plain TCP over a single uplink to a SOCKS5 proxy in C at the concentrator: the alternative for a user with one uplink. */
export const cSocks: ContestantKind = {
  name: 'c-socks',
  title: 'plain TCP to microsocks',
  missing: () => missingProgram([{ name: 'microsocks', aptPackage: 'microsocks' }]),
  of: ({ uplinks }) =>
    uplinks.length > 1
      ? []
      : [
          {
            name: 'c-socks',
            uplink: uplinks[0]!.name,
            async start(bed) {
              const server = bed.concentrator.spawn('microsocks', ['-p', String(PORT)], {
                stdio: 'ignore',
              });
              await untilListening(server, PORT, 'microsocks');
              return {
                route: { socks: { host: bed.concentrator.address.v4, port: PORT } },
                processes: [{ role: 'concentrator', pid: server.pid! }],
                stop: () => endProgram(server),
              };
            },
          },
        ],
};
