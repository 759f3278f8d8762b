import { describe, expect, it } from 'vitest';
import { ClientLook } from '../../../server-concentrator/page/client-look.ts';
import { MAX_ROWS, makeView } from '../../../server-concentrator/page/make-view.ts';
import { parsePageQuery } from '../../../server-concentrator/page/page-query.ts';
import { type InventedClient, InventedConcentrator } from './many-clients.ts';

const dsl = { name: 'dsl', down: 8_000_000, up: 800_000, rttMs: 20 };
const lte = { name: 'lte', down: 4_000_000, up: 400_000, rttMs: 50.04 };
const CLIENTS: readonly InventedClient[] = [
  { client: 'office', ageMs: 60_000, streams: 12, uplinks: [{ ...lte, state: 'doubted' }, dsl] },
  {
    ...{ client: 'home', ageMs: 3_600_000, streams: 3, flows: 2, uplinks: [lte] },
    limits: [
      { limit: 'opensPerSecond', count: 7, lastMs: 1_000_000 - 30_000 },
      { limit: 'sessions', count: 1, lastMs: 1_000_000 - 3_600_000 },
    ],
  },
  { client: 'van', ageMs: 1_000, streams: 1, uplinks: [] },
];

function viewOf(concentrator: InventedConcentrator, query = '') {
  const look = new ClientLook();
  const { source } = concentrator;
  look.look(source.clock(), concentrator.sessions);
  concentrator.carry(1_000);
  look.look(source.clock(), concentrator.sessions);
  return makeView(look, parsePageQuery(new URLSearchParams(query)), source.wallClock(), source);
}

describe('the view of the page of the concentrator', () => {
  it('has each client with its sessions and uplinks, and the sum', () => {
    const view = viewOf(new InventedConcentrator(CLIENTS));
    expect(view).toMatchObject({
      ...{ sum: { down: 16_000_000, up: 1_600_000 }, sessions: 3, streams: 16, flows: 2, ready: true },
      clients: { known: 6, connected: 3, lingering: 1, limited: 1, matching: 3 },
    });
    expect(view.rows.map(({ client, state, down, up }) => [client, state, down, up])).toEqual([
      ['office', 'established', 12_000_000, 1_200_000],
      ['home', 'established', 4_000_000, 400_000],
      ['van', 'lingering', 0, 0],
    ]);
    expect(view.rows[0]).toMatchObject({
      ...{ streams: 12, sentBytes: 1_500_000, receivedBytes: 150_000 },
      sinceMs: 1_700_000_000_000 + 1_000_000 - 60_000,
    });
    expect(view.rows[0]!.sessions[0]!.uplinks).toEqual([
      {
        ...{ name: 'dsl', state: 'in-use', reason: 'in use', down: 8_000_000, up: 800_000, subflows: 1 },
        ...{ from: ['203.0.113.0'], rttMs: 20, minRttMs: 16, sentBytes: 1_000_000, receivedBytes: 100_000 },
        ...{ udp: null, limitBitsPerSecond: null },
      },
      expect.objectContaining({
        name: 'lte',
        state: 'doubted',
        reason: 'doubted: no answer for 420 ms',
        rttMs: 50,
      }),
    ]);
    expect(view.top.map(({ name }) => name)).toEqual(['office', 'home']);
  });

  it('tells of limits that were reached of late', () => {
    const [, home] = viewOf(new InventedConcentrator(CLIENTS)).rows;
    const atMs = 1_700_000_000_000 + 1_000_000 - 30_000;
    expect(home!.limits).toEqual([{ limit: 'opensPerSecond', count: 7, atMs }]);
  });

  it.each([
    ['sort=up', 'office home van'],
    ['sort=up&order=ascending', 'van home office'],
    ['sort=client&order=ascending', 'home office van'],
    ['sort=streams', 'office home van'],
    ['sort=used', 'office home van'],
    ['sort=uplinks', 'office home van'],
    ['sort=since', 'home office van'],
    ['sort=nonsense&order=x&after=y', 'office home van'],
    ['filter=OF', 'office'],
    ['filter=lte', 'office home'],
    ['filter=silent', 'van'],
    ['filter=limited', 'home'],
    ['filter=nobody', ''],
  ])('for %s shows %s', (query, names) => {
    const { rows } = viewOf(new InventedConcentrator(CLIENTS), query);
    expect(rows.map(({ client }) => client).join(' ')).toBe(names);
  });

  it('has no more rows than somebody reads, and says how many there are', () => {
    const many = Array.from({ length: 3_210 }, (_, i): InventedClient => {
      return { client: `site-${i}`, ageMs: 1, streams: 0, uplinks: [{ ...dsl, down: 1_000 * (i + 1) }] };
    });
    const { rows, clients, top } = viewOf(new InventedConcentrator(many));
    expect([rows.length, clients.matching, rows[0]!.client]).toEqual([MAX_ROWS, 3_210, 'site-3209']);
    expect(top.map(({ name }) => name).sort()).toEqual(
      rows
        .slice(0, 10)
        .map(({ client }) => client)
        .sort(),
    );
  });
});

describe('those that carry most', () => {
  it('keep their places while they are among them, and those before a gap are not counted', () => {
    const many = Array.from({ length: 14 }, (_, i): InventedClient => {
      return { client: `c${i}`, ageMs: 1, streams: 0, uplinks: [{ ...dsl, down: 1_000_000 * (14 - i) }] };
    });
    const concentrator = new InventedConcentrator(many);
    const look = new ClientLook();
    const { source, sessions } = concentrator;
    look.look(source.clock(), sessions);
    concentrator.carry(60_000);
    look.look(source.clock(), sessions);
    expect(look.sum).toEqual({ down: 0, up: 0 });
    concentrator.carry(1_000);
    look.look(source.clock(), sessions);
    const before = look.top.map(({ name }) => name);
    expect(before).toEqual(Array.from({ length: 10 }, (_, i) => `c${i}`));
    // The last becomes the first, and takes the place of the one that is no longer among them.
    for (let i = 0; i < 3; i++) {
      concentrator.carry(1_000, (client) => (client === 'c13' ? 100 : 1));
      look.look(source.clock(), sessions);
    }
    expect(look.top.map(({ name }) => name)).toEqual(before.map((name) => (name === 'c9' ? 'c13' : name)));
    // Nobody looks for a minute, and one goes on.
    concentrator.carry(60_000);
    look.look(source.clock(), sessions);
    concentrator.carry(1_000, (client) => (client === 'c13' ? 1 : 0));
    look.look(source.clock(), sessions);
    expect(look.top.map(({ name }) => name)).toEqual(['c13']);
  });
});
