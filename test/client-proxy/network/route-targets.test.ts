import { expect, it } from 'vitest';
import { RouteTargets } from '../../../client-proxy/network/route-targets.ts';

function bed(known: Record<string, string[]>) {
  const state = { nowMs: 0, sought: [] as string[] };
  const targets = new RouteTargets({
    destinations: () => [
      { host: 'vps.example.org', port: 8443 },
      { host: '203.0.113.9', port: 443 },
    ],
    known: (name) => known[name] ?? [],
    seek: (name) => {
      state.sought.push(name);
      return Promise.reject(new Error('ENOTFOUND'));
    },
    clock: () => state.nowMs,
  });
  return { targets, state };
}

it('stand for a name by its addresses, and by what only a default route covers', () => {
  const { targets } = bed({ 'vps.example.org': ['198.51.100.1', '203.0.113.9'] });
  expect(targets.all.map(({ host, port }) => `${host} ${port}`)).toEqual([
    '192.0.2.1 8443',
    '2001:db8::1 8443',
    '198.51.100.1 8443',
    '203.0.113.9 443',
  ]);
});

it('are sought while a name is not known, every five seconds', () => {
  const known: Record<string, string[]> = {};
  const { targets, state } = bed(known);
  for (; state.nowMs < 10_000; state.nowMs += 500) targets.seekUnknown();
  expect(state.sought).toEqual(['vps.example.org', 'vps.example.org']);
  known['vps.example.org'] = ['198.51.100.1'];
  for (; state.nowMs < 30_000; state.nowMs += 500) targets.seekUnknown();
  expect(state.sought).toHaveLength(2);
});
