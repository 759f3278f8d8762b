import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import type { ClientEntry } from '../../../server-concentrator/config/concentrator-config.ts';
import { ClientsOfAll } from '../../../server-concentrator/workers/clients-of-all.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { assembled, keyOf } from '../concentrator-bed.ts';

const QUOTA = { bytes: 1_000_000, whenUsedUp: 'refuse' } as const;
const count = (client: string, bytes: number) => ({ client, upBytes: bytes, downBytes: 0, connections: 1 });

/** With a quota for `laptop` and none for `phone`. */
async function opened(stateDirectory: string) {
  const { config } = await assembled(['laptop', 'phone']);
  const [laptop, phone] = config.clients as [ClientEntry, ClientEntry];
  const clients = await ClientsOfAll.open(
    { ...config, clients: [{ ...laptop, quota: QUOTA }, phone] },
    {
      clock: () => performance.now(),
      logger: pino({ enabled: false }),
      wallClock: () => Date.UTC(2026, 10, 29, 12),
      stateDirectory,
    },
  );
  await clients.start(() => {});
  return clients;
}

it('adds up what workers count, and tells them of clients that have a quota alone', async () => {
  const clients = await opened(await temporaryDirectory());
  onTestFinished(() => clients.close());
  expect(clients.add([count('laptop', 10), count('phone', 20)])).toEqual({
    used: [['laptop', 10]],
    trouble: undefined,
  });
  // From another worker.
  expect(clients.add([count('laptop', 5)]).used).toEqual([['laptop', 15]]);
  expect(clients.add([]).used).toEqual([]);
  expect(clients.usedBytes('phone')).toBe(20);
});

it('knows what was counted before, of a client that has no session as well', async () => {
  const folder = await temporaryDirectory();
  const before = await opened(folder);
  before.add([count('laptop', 700)]);
  await before.close();
  const after = await opened(folder);
  onTestFinished(() => after.close());
  expect(after.usedBytes('laptop')).toBe(700);
  expect(after.add([count('laptop', 1)]).used).toEqual([['laptop', 701]]);
});

it('goes by another list at once', async () => {
  const clients = await opened(await temporaryDirectory());
  onTestFinished(() => clients.close());
  clients.replace([{ id: 'phone', key: keyOf('phone'), quota: QUOTA }]);
  expect(clients.all.map(({ id }) => id)).toEqual(['phone']);
  expect(clients.get('laptop')).toBeUndefined();
  expect(clients.add([count('laptop', 10), count('phone', 20)]).used).toEqual([['phone', 20]]);
});
