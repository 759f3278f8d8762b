import { expect, it, onTestFinished } from 'vitest';
import { MeasurementConnection } from '../../../client-proxy/measurement/measurement-connection.ts';
import { clientSubflowHandshake } from '../../../client-proxy/path-manager/client-subflow-handshake.ts';
import { FREE_BYTES } from '../../../server-concentrator/measurement/measurement-connection.ts';
import { readMeasurementFacts } from '../../../shared/runtime/doctor/measurement-facts.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import { dial } from '../../runtime/subflow/subflow-bench.ts';
import { keyOf, start } from '../concentrator-bed.ts';

const CLIENT = 'laptop';
const PATIENCE_MS = 5_000;
/** What is read in one turn counts as received, even if it goes beyond. */
const ONE_READ_BYTES = 16 * 1024 + 48;
/** Long enough for what will not come. */
const SHORT_MS = 500;

type Limits = Parameters<typeof start>[1];

async function bed(limits: Limits = {}) {
  const { concentrator, port } = await start([CLIENT], { joinsPerSecond: 1_000, ...limits });
  const open = async () => {
    const transport = await dial(port);
    onTestFinished(() => transport.destroy());
    const { result, takeRest } = await clientSubflowHandshake(
      transport,
      {
        crypto: nodeHandshakeCrypto,
        identity: { id: CLIENT, key: keyOf(CLIENT) },
        uplinkName: 'lan',
        backup: false,
        intent: { kind: 'hello', isMeasurement: true },
      },
      PATIENCE_MS,
    );
    const terms = result.welcome!.measurement!;
    return { terms, connection: new MeasurementConnection(transport, takeRest(), () => performance.now()) };
  };
  return { concentrator, open };
}

it('tells what it is, and answers what comes, as much as is asked', async () => {
  const { open } = await bed({ measurementBytesPerHour: 10_000_000 });
  const { terms, connection } = await open();
  expect(terms.allowanceBytes).toBe(10_000_000);
  const facts = readMeasurementFacts(terms.facts);
  expect(facts).toMatchObject({ version: '0', seenAddress: '127.0.0.1' });
  expect(Math.abs(facts!.timeMs - Date.now())).toBeLessThan(60_000);

  expect(await connection.ping(PATIENCE_MS)).toBeLessThan(PATIENCE_MS);
  for (const bytes of [1, 70_000, 1_000_000]) {
    const [sent, received] = [
      await connection.send(bytes, PATIENCE_MS),
      await connection.receive(bytes, PATIENCE_MS),
    ];
    expect([sent.isComplete, received.isComplete]).toEqual([true, true]);
    expect(received.samples.at(-1)!.bytes).toBe(bytes);
  }
  expect((await open()).terms.allowanceBytes).toBeLessThan(8_000_000);
});

it('is no session', async () => {
  const { open } = await bed({ sessions: 1, sessionsPerClient: 1 });
  for (let i = 0; i < 3; i++) expect(await (await open()).connection.ping(PATIENCE_MS)).toBeDefined();
});

it.each(['send', 'receive'] as const)('lets no client %s more than it may in an hour', async (direction) => {
  const allowance = 200_000;
  const { open } = await bed({ measurementBytesPerHour: allowance });
  const { connection } = await open();
  const much = await connection[direction](allowance + 2 * FREE_BYTES, SHORT_MS);
  expect(much.isComplete).toBe(false);
  expect(much.samples.at(-1)!.bytes).toBeLessThanOrEqual(allowance + FREE_BYTES + ONE_READ_BYTES);
  // What every connection may, however little is left, is enough for what is not about speed.
  const { connection: next } = await open();
  expect((await next[direction](12_000, PATIENCE_MS)).isComplete).toBe(true);
});

it('turns measurements of speed off where the operator says so', async () => {
  const { open } = await bed({ measurementBytesPerHour: 0 });
  const { terms, connection } = await open();
  expect(terms.allowanceBytes).toBe(0);
  expect((await connection.receive(2 * FREE_BYTES, SHORT_MS)).isComplete).toBe(false);
});

it('has a bounded number of them for each client', async () => {
  const { open } = await bed();
  const places = 16;
  const opened = await Promise.all(Array.from({ length: places }, open));
  await expect(open()).rejects.toThrow('resourceExceeded');
  opened[0]!.connection.close();
  await expect
    .poll(() =>
      open().then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
});

it('ends them when it ends', async () => {
  const { concentrator, open } = await bed();
  const { connection } = await open();
  await concentrator.close();
  expect(await connection.ping(PATIENCE_MS)).toBeUndefined();
});
