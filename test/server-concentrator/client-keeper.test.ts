import { expect, it, onTestFinished } from 'vitest';
import { ClientKeeper } from '../../server-concentrator/client-keeper.ts';
import { ClientList } from '../../server-concentrator/clients/client-list.ts';
import type { OnClients } from '../../server-concentrator/clients/client-source.ts';
import type { ClientEntry } from '../../server-concentrator/config/concentrator-config.ts';
import { UsageMeters } from '../../server-concentrator/usage/usage-meters.ts';
import { keyOf } from './concentrator-bed.ts';

const client = (id: string): ClientEntry => ({ id, key: keyOf(id) });

it('lets everything that has something of each client forget those that are removed', async () => {
  let onClients: OnClients = () => {};
  const meters = new UsageMeters(10);
  const kept: string[][] = [];
  const keeper = new ClientKeeper({
    source: {
      trouble: undefined,
      start: async (listener) => {
        onClients = listener;
        return [client('gone'), client('stays')];
      },
      close: async () => {},
    },
    clients: new ClientList([]),
    sessions: { closeRevoked: () => {} },
    published: { replaceGrants: () => {} },
    datagrams: { recheck: () => {} },
    allowances: { review: () => {} },
    meters,
    usageKeeper: { start: async () => {}, add: () => {}, usedBytes: () => 0, close: async () => {} },
    perClient: [{ keepClients: (isKnown) => kept.push(['gone', 'stays', 'never'].filter(isKnown)) }],
    wallClock: () => 0,
  });
  await keeper.start();
  onTestFinished(() => void keeper.close());
  onClients([client('stays')]);
  expect(kept).toEqual([['gone', 'stays'], ['stays']]);
  for (const id of ['gone', 'stays']) meters.of(id).upBytes = 1;
  for (let i = 0; i < 4; i++) meters.collect();
  expect([...meters.totals()].map(([id]) => id)).toEqual(['stays']);
});
