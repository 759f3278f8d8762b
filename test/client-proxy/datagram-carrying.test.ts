import { expect, test } from 'vitest';
import { ClientCounts } from '../../client-proxy/client-counts.ts';
import { makeDatagrams } from '../../client-proxy/datagram-carrying.ts';
import { StreamError } from '../../shared/protocol/errors.ts';
import { eventually } from '../support/eventually.ts';

const destination = { host: 'game.example', port: 3478 };

test('the log says why datagrams cannot go directly, and where to for those alone who ask for details', async () => {
  const log: [string, object][] = [];
  const at = (level: string) => (fields: object) => void log.push([level, fields]);
  const { relay } = makeDatagrams(
    { mode: 'concentrator', datagrams: false, socks: { udp: true } } as never,
    {
      ...{ clock: () => 0, random: () => 0.5, native: { native: undefined } },
      logger: {
        debug: at('debug'),
        info: at('info'),
        warn: at('warn'),
        error: at('error'),
        isLevelEnabled: () => true,
      },
    } as never,
    {
      counts: new ClientCounts(4),
      direct: {
        dialer: {
          resolve: () =>
            Promise.reject(new StreamError('notAuthorized', 'game.example leads to this machine')),
        },
      },
      steering: () => ({
        decideDatagram: () => ({
          kind: 'direct',
          route: { kind: 'direct', uplink: 'lte', isPublicOnly: true },
        }),
      }),
    } as never,
  );
  const association = relay.join({ onDatagram() {} });
  association.send(destination, new Uint8Array(1));
  await eventually(() => expect(log).not.toEqual([]));
  relay.leave(association);
  expect(log).toEqual([
    ['warn', { uplink: 'lte', reason: 'the destination leads to this machine' }],
    [
      'debug',
      { uplink: 'lte', reason: 'game.example leads to this machine', destination: 'game.example:3478' },
    ],
  ]);
});
