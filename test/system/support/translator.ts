import { once } from 'node:events';
import { join } from 'node:path';
import ipaddr from 'ipaddr.js';
import { translatedAddress } from '../../../shared/runtime/address/nat64.ts';
import type { Namespace } from '../../bed/namespace.ts';
import { ROOT } from './program.ts';

/** A translator from IPv6 to IPv4 (NAT64) in a namespace, for one port of one IPv4 address; relay.mjs is its other half. */
export async function startTranslator(
  namespace: Namespace,
  prefix: string,
  port: number,
  ipv4: string,
): Promise<{ stop(): Promise<void> }> {
  const address = translated(prefix, ipv4);
  await namespace.ip(6, [`address add ${address}/128 dev lo nodad`]);
  const program = join(ROOT, 'test', 'system', 'support', 'relay.mjs');
  const child = namespace.spawn(process.execPath, [program, address, String(port), ipv4], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout!, 'data');
  return {
    async stop() {
      child.kill();
      await namespace.ip(6, [`address del ${address}/128 dev lo`]);
    },
  };
}

/** What `ipv4only.arpa` is to a name server behind such a prefix, for `NameServer`. */
export function shownPrefix(prefix: string): readonly string[] {
  return ['192.0.0.170', '192.0.0.171'].map((ipv4) => `ipv4only.arpa=${translated(prefix, ipv4)}`);
}

export function translated(prefix: string, ipv4: string): string {
  return translatedAddress(ipaddr.parseCIDR(prefix), ipv4);
}
