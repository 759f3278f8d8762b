import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import type {
  ClientEntry,
  ConcentratorConfig,
} from '../../server-concentrator/config/concentrator-config.ts';
import { Primary } from '../../server-concentrator/primary.ts';
import type { ClientsOfAll } from '../../server-concentrator/workers/clients-of-all.ts';
import { loadNative, type NativeLoad } from '../../shared/runtime/kernel/native.ts';
import { ListenError } from '../../shared/runtime/tcp/tcp-listener.ts';
import { freePort } from '../support/ports.ts';
import { assembled, keyOf } from './concentrator-bed.ts';

const DATABASE = {} as NonNullable<ConcentratorConfig['clientsDatabase']>;
const entry = (id: string): ClientEntry => ({ id, key: keyOf(id) });

/** The configuration with such clients in a file, and with a database. */
async function sources() {
  const { config } = await assembled([]);
  const { clientsFile: _, ...none } = config;
  return {
    file: (...ids: string[]): ConcentratorConfig => ({ ...config, clients: ids.map(entry) }),
    database: { ...none, clientsDatabase: DATABASE } satisfies ConcentratorConfig,
  };
}

/** One that begins with this configuration, without any worker yet; the clients that it has taken over, and what it logs. */
function begun(config: ConcentratorConfig, native: NativeLoad = { reason: 'not here' }) {
  const replaced: string[][] = [];
  const lines: string[] = [];
  const clients = {
    all: config.clients,
    get: () => undefined,
    replace: (entries: readonly ClientEntry[]) => void replaced.push(entries.map(({ id }) => id)),
    async start() {},
    async close() {},
  } as unknown as ClientsOfAll;
  const primary = new Primary(
    config,
    {
      logger: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
      clock: () => 0,
      wallClock: () => 0,
      random: () => 0.5,
      native,
      version: '0',
      nodeVersion: '0',
    },
    { count: 2, program: { script: '/dev/null', execArgv: [], env: {} }, isPretty: false, clients },
  );
  const said = () => lines.map((line) => JSON.parse(line));
  const told = () => said().map(({ live, restart }) => ({ live, restart }));
  return { primary, replaced, said, told };
}

it('stays with the database until a restart, however often it is told to read files', async () => {
  const { file, database } = await sources();
  const { primary, replaced, told } = begun(database);
  for (const next of [file('other'), file('other'), file('phone'), database]) await primary.reload(next);
  expect(replaced).toEqual([]);
  const waits = { live: [], restart: ['clients.database'] };
  expect(told()).toEqual([waits, waits, waits, { live: [], restart: [] }]);
});

it('stays with the file until a restart, and goes by it again where the database is taken back', async () => {
  const { file, database } = await sources();
  const { primary, replaced, told } = begun(file('laptop', 'phone'));
  for (const next of [database, database, file('laptop')]) await primary.reload(next);
  expect(replaced).toEqual([['laptop']]);
  const waits = { live: [], restart: ['clients.database'] };
  expect(told()).toEqual([waits, waits, { live: ['clients'], restart: [] }]);
});

describe('UDP sockets for the workers', () => {
  const loaded = loadNative();
  /** With a UDP port that another program has. */
  async function taken(): Promise<number> {
    const other = createSocket('udp4').bind(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    return other.address().port;
  }
  const withPort = async (port?: number): Promise<ConcentratorConfig> => {
    const { config } = await assembled([]);
    return port === undefined ? config : { ...config, datagrams: { ...config.datagrams, port } };
  };
  /** Why it does not start. Where UDP is no reason, it is that there is no program for the workers. */
  const startError = ({ primary }: ReturnType<typeof begun>) =>
    primary.start().then(
      () => undefined,
      (error: unknown) => error,
    );
  const onUdp = ({ said }: ReturnType<typeof begun>) =>
    said().filter(({ msg }) => msg === 'no UDP port: datagrams travel on subflows');

  it.skipIf(loaded.native === undefined)('are needed where the configuration names their port', async () => {
    const port = await taken();
    const one = begun(await withPort(port), loaded);
    expect(await startError(one)).toEqual(
      expect.objectContaining({ message: expect.stringContaining('another program has it (EADDRINUSE)') }),
    );
    expect(onUdp(one)).toEqual([]);
  });

  it.skipIf(loaded.native === undefined).each([[true], [false]])(
    'are done without where the kernel does not spread packets, and that is said once; named port: %j',
    async (isNamed) => {
      const { messages: _, ...native } = loaded.native!;
      const one = begun(await withPort(isNamed ? await freePort() : undefined), { native });
      expect(await startError(one)).not.toBeInstanceOf(ListenError);
      expect(onUdp(one)).toEqual([
        expect.objectContaining({ reason: expect.stringContaining('ENOPROTOOPT') }),
      ]);
    },
  );

  it('are done without where there are no native calls, and that is said once', async () => {
    const one = begun(await withPort(await taken()));
    expect(await startError(one)).not.toBeInstanceOf(ListenError);
    expect(onUdp(one)).toEqual([expect.objectContaining({ reason: 'not here' })]);
  });
});
