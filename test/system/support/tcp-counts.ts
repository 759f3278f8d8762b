import type { Namespace } from '../../bed/namespace.ts';

/** Bytes of TCP packets, headers included, by direction and family. */
export interface TcpBytes {
  readonly sent4: number;
  readonly sent6: number;
  readonly received4: number;
  readonly received6: number;
}

/** Counts the TCP that passes a device of a namespace from now on; what else there is, such as neighbour discovery, does not count. */
export async function countTcp(namespace: Namespace, device: string): Promise<() => Promise<TcpBytes>> {
  const table = `tcp_${device}`;
  const rules = [4, 6].map((family) => ({
    out: `oifname "${device}" meta nfproto ipv${family} meta l4proto tcp counter name sent${family}`,
    in: `iifname "${device}" meta nfproto ipv${family} meta l4proto tcp counter name received${family}`,
  }));
  await namespace.exec('nft', ['-f', '-'], {
    input: `
      table inet ${table}
      delete table inet ${table}
      table inet ${table} {
        counter sent4 {}
        counter sent6 {}
        counter received4 {}
        counter received6 {}
        chain out { type filter hook output priority raw; ${rules.map((rule) => rule.out).join('; ')}; }
        chain in { type filter hook prerouting priority raw; ${rules.map((rule) => rule.in).join('; ')}; }
      }\n`,
  });
  return async () => {
    const listed = JSON.parse(
      await namespace.exec('nft', ['-j', 'list', 'counters', 'table', 'inet', table]),
    );
    const entries = listed.nftables.flatMap((item: { counter?: { name: string; bytes: number } }) =>
      item.counter === undefined ? [] : [[item.counter.name, item.counter.bytes]],
    );
    return Object.fromEntries(entries) as unknown as TcpBytes;
  };
}
