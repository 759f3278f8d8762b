import type { InventedClient, InventedUplink } from './many-clients.ts';

const KINDS: readonly (InventedUplink & { readonly share: number })[] = [
  { name: 'dsl', down: 14e6, up: 3.2e6, rttMs: 24, share: 0.8 },
  { name: 'lte', down: 22e6, up: 6e6, rttMs: 52, share: 0.9 },
  { name: 'starlink', down: 48e6, up: 7e6, rttMs: 38, share: 0.35 },
  { name: '5g', down: 70e6, up: 14e6, rttMs: 31, share: 0.2 },
];
const PLACES = ['office', 'van', 'home', 'ship', 'camera', 'kiosk', 'clinic', 'stage', 'barge', 'depot'];

/** So many clients, most of which carry little, as it is; the same each time. @param nowMs by the sessions' clock */
export function inventClients(count: number, nowMs: number): readonly InventedClient[] {
  return Array.from({ length: count }, (_, i): InventedClient => {
    const chance = (salt: number) =>
      (((Math.sin((i + 1) * 12.9898 + salt * 78.233) * 43758.5453) % 1) + 1) % 1;
    const busy = chance(1) ** 6 + 0.002;
    const uplinks = KINDS.filter(({ share }, k) => chance(10 + k) < share).map(
      ({ share: _share, ...uplink }, k): InventedUplink => ({
        ...uplink,
        ...{ down: uplink.down * busy, up: uplink.up * busy * chance(20) },
        rttMs: uplink.rttMs * (0.8 + chance(30 + k) / 2),
        state: chance(40 + k) < 0.03 ? 'doubted' : k > 0 && chance(50 + k) < 0.1 ? 'backup' : 'active',
      }),
    );
    return {
      client: `${PLACES[i % PLACES.length]}-${String(Math.floor(i / PLACES.length) + 1).padStart(2, '0')}`,
      ageMs: 30_000 + chance(2) ** 3 * 20 * 86_400_000,
      streams: Math.round(chance(3) ** 4 * 180) + 1,
      flows: chance(4) < 0.4 ? Math.round(chance(5) * 20) : 0,
      uplinks: uplinks.length === 0 && chance(6) < 0.7 ? [KINDS[1]!] : uplinks,
      ...(i % 17 === 3
        ? { limits: [{ limit: 'opensPerSecond' as const, count: 41, lastMs: nowMs - 40_000 }] }
        : {}),
    };
  });
}
