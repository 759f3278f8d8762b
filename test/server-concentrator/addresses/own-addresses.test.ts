import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { afterEach, expect, it, vi } from 'vitest';
import { OwnAddresses, OwnAddressWatch } from '../../../server-concentrator/addresses/own-addresses.ts';

vi.mock('node:os');
vi.mock('node:dns/promises');
afterEach(() => vi.useRealTimers());

const vps = [{ host: 'vps.example.org', port: 8443 }];

function interfacesHave(...addresses: string[]) {
  const infos = addresses.map((address) => ({ address }));
  vi.mocked(networkInterfaces).mockReturnValue({ eth0: infos } as never);
}

function nameResolvesTo(...addresses: string[]) {
  const answer = addresses.map((address) => ({ address, family: 4 }));
  vi.mocked(lookup).mockResolvedValue(answer as never);
}

it('are those of the interfaces, without zones, and of the public names', async () => {
  interfacesHave('192.0.2.1', 'fe80::1%eth0');
  nameResolvesTo('203.0.113.1');
  const found = await new OwnAddresses().find([...vps, { host: '203.0.113.2', port: 8443 }]);
  expect(found).toEqual(['192.0.2.1', 'fe80::1', '203.0.113.1', '203.0.113.2']);
});

it('keep what a public name stood for while it does not resolve', async () => {
  interfacesHave('192.0.2.1');
  nameResolvesTo('203.0.113.1');
  const own = new OwnAddresses();
  await own.find(vps);
  vi.mocked(lookup).mockRejectedValue(new Error('EAI_AGAIN'));
  for (let look = 0; look < 2; look++) expect(await own.find(vps)).toContain('203.0.113.1');
});

it('that have changed are told, also after a look that failed', async () => {
  vi.useFakeTimers();
  const told: (readonly string[])[] = [];
  let find = async () => ['192.0.2.1'];
  const watch = new OwnAddressWatch(
    ['192.0.2.1'],
    () => find(),
    (addresses) => told.push(addresses),
  );
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told).toEqual([]);
  find = () => Promise.reject(new Error('EMFILE'));
  await vi.advanceTimersByTimeAsync(60_000);
  find = async () => ['192.0.2.1', '192.0.2.2'];
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told).toEqual([['192.0.2.1', '192.0.2.2']]);
  watch.stop();
});
