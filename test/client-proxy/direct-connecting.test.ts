import pino from 'pino';
import { expect, it } from 'vitest';
import { ClientCounts } from '../../client-proxy/client-counts.ts';
import { makeDirect } from '../../client-proxy/direct-connecting.ts';
import type { UplinkSet } from '../../client-proxy/discovery/uplink-set.ts';
import { UplinkResolvers } from '../../client-proxy/dns/uplink-resolvers.ts';
import type { ConnectRequest } from '../../client-proxy/front/connect-request.ts';
import { UplinkUses } from '../../client-proxy/path-manager/uplink-use.ts';
import type { DirectAction } from '../../client-proxy/steering/steering-rule.ts';
import { UplinkError } from '../../client-proxy/uplink/uplink-error.ts';
import { TrafficTable } from '../../shared/runtime/session/uplink-traffic.ts';

const logger = pino({ enabled: false });
const clock = () => performance.now();
const LTE: DirectAction = { kind: 'direct', uplink: 'lte' };

/** What of a request for this address becomes: `dialled`, or why not. */
async function open(host: string, action: DirectAction): Promise<string> {
  const uplinks = {
    uplinks: [{ name: 'lte', backup: false, binding: { kind: 'address', address: '10.9.8.7' } }],
    troubles: new Map(),
  } as unknown as UplinkSet;
  let isDialled = false;
  const connector = {
    origin() {
      isDialled = true;
      return Promise.reject(new UplinkError('lte', 'networkFailure', 'no network here'));
    },
  };
  const linkServers = { of: async () => [], ofSystem: async () => [] };
  const direct = makeDirect(
    { direct: { stickyMs: 0 } },
    { clock, wallClock: clock, logger },
    {
      counts: new ClientCounts(4),
      directTraffic: new TrafficTable(4),
      uplinks,
      uses: new UplinkUses(logger),
      connector: connector as never,
      resolvers: new UplinkResolvers(
        { linkServers, networkInterfaces: () => ({}), native: undefined },
        clock,
      ),
    },
  );
  const failure = await new Promise<string>((resolve) => {
    const request = { destination: { host, port: 80 }, onAbandoned: () => {}, fail: resolve };
    const choice = { reason: 'rule', rule: undefined } as const;
    direct.open(request as unknown as ConnectRequest, action, choice, () => {});
  });
  return isDialled ? 'dialled' : failure;
}

it.each([
  ['192.168.8.1', LTE, 'dialled'],
  ['192.168.8.1', { ...LTE, isPublicOnly: true }, 'notAuthorized'],
  ['51.51.51.1', { ...LTE, isPublicOnly: true }, 'dialled'],
] as const)('a rule that names the uplink dials %s as far as it may: %#', async (host, action, expected) => {
  expect(await open(host, action)).toBe(expected);
});
