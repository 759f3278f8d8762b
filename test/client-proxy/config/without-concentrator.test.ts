import { describe, expect, it } from 'vitest';
import { routeDestinations } from '../../../client-proxy/config/route-destinations.ts';
import { load, MINIMAL, mistakes, withUplinks } from './client-config-text.ts';

describe('a client configuration for times without a concentrator', () => {
  it.each([
    ['', undefined],
    ['fallback: none', undefined],
    ['fallback: direct', { afterMs: 5_000 }],
    ['fallback: { after: 2s }', { afterMs: 2_000 }],
    ['fallback: { to: direct, after: 1m }', { afterMs: 60_000 }],
    ['fallback: { to: none, after: 1m }', undefined],
  ])('leaves the tunnel only if told to: "%s"', async (text, fallback) => {
    const config = await load(`${MINIMAL}${text}\n`);
    expect([config.fallback, config.direct]).toEqual([fallback, { stickyMs: 600_000 }]);
  });

  it('takes weights of uplinks', async () => {
    const config = await load(
      withUplinks('[{ name: a, interface: a, weight: 7 }, { name: b, interface: b }]'),
    );
    expect(config.uplinks.map(({ weight }) => weight)).toEqual([7, undefined]);
  });

  it.each([
    ['fallback: directly', /^c.yaml:\d+:11: fallback: expected none, direct, or a map such as/],
    ['fallback: { to: direct, after: 100ms }', /^c.yaml:\d+:\d+: fallback.after: /],
    ['direct: { sticky: 10 }', /^c.yaml:\d+:\d+: direct.sticky: expected a duration/],
  ])('%s', async (text, expected) => {
    expect(await mistakes(`${MINIMAL}${text}\n`)).toEqual([expect.stringMatching(expected)]);
  });
});

describe('a client configuration without any server', () => {
  it('needs uplinks alone', async () => {
    const config = await load('mode: direct\nuplinks: auto\n');
    expect(config).toMatchObject({
      mode: 'direct',
      unused: [],
      concentrator: { addresses: [], pins: [] },
      client: { id: '' },
    });
    expect(routeDestinations(config).map(({ host }) => host)).toEqual(['192.0.2.1', '2001:db8::1']);
  });

  it('tells which sections are not used', async () => {
    const config = await load(`mode: direct\n${MINIMAL}`);
    expect([config.unused, config.concentrator.addresses]).toEqual([['concentrator', 'client'], []]);
    expect(await mistakes('mode: direct\nuplinks: auto\nfallback: direct\n')).toEqual([
      'c.yaml:3:11: fallback: has no use with mode: direct, where everything goes directly: take one of them out',
    ]);
  });

  it('is what a file that lacks a concentrator is told of', async () => {
    const found = await mistakes('uplinks: auto\n');
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(/^c.yaml:1:1: concentrator: missing: expected a map .*: "mode: direct"\)$/);
    expect(found[1]).toMatch(/^c.yaml:1:1: client: missing: /);
  });
});
