import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Destination } from '../shared/protocol/destination.ts';

/**
 * The addresses that lead to this machine: those of its interfaces, and its public ones, which behind a one-to-one NAT
 * are on no interface. A public name that does not resolve now is left out.
 */
export async function ownAddresses(publicAddresses: readonly Destination[]): Promise<string[]> {
  const found = new Set<string>();
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address } of addresses ?? []) found.add(withoutZone(address));
  }
  await Promise.all(
    publicAddresses.map(async ({ host }) => {
      for (const address of await resolve(host)) found.add(address);
    }),
  );
  return [...found];
}

async function resolve(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, '');
}
