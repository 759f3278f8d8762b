import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import type { Applicant } from '../../../server-concentrator/session/applicant.ts';
import type { PrimaryCalls, WorkerCalls, WorkerStart } from '../../../server-concentrator/worker/calls.ts';
import type { Channel } from '../../../server-concentrator/worker/channel.ts';
import { SECRET_BYTES } from '../../../server-concentrator/worker/relay-preface.ts';
import { WorkerPlace } from '../../../server-concentrator/worker/worker-place.ts';
import type { HandshakeGateOptions } from '../../../shared/runtime/subflow/handshake-gate.ts';
import { ReceivePool } from '../../../shared/runtime/subflow/receive-pool.ts';
import { UdpSockets } from '../../../shared/runtime/udp/udp-sockets.ts';
import { identity } from '../../runtime/subflow/subflow-bench.ts';
import { assembled, DATAGRAMS } from '../concentrator-bed.ts';

const COUNT = 3;

/** The second of three workers. @param ask the first process; it is gone where absent */
function placed(
  ask: (name: string) => Promise<unknown> = () => Promise.reject(new Error('gone')),
  given: Partial<WorkerStart> = {},
) {
  const name = randomBytes(8).toString('hex');
  const start: WorkerStart = {
    ...{ index: 1, count: COUNT, listen: [], udp: [{ host: '192.0.2.1', descriptor: 4 }], ...given },
    relays: Array.from({ length: COUNT }, (_, i) => `\0tributary-test-${name}-${i}`),
    secret: randomBytes(SECRET_BYTES).toString('base64'),
  };
  const told: unknown[] = [];
  const primary = {
    ask,
    tell: (...message: unknown[]) => void told.push(message),
  } as unknown as Channel<WorkerCalls, PrimaryCalls>;
  return { place: new WorkerPlace(start, primary, [], () => 0), told, start };
}

function applicant(request: object, isRelayed = false): Applicant {
  const transport = { isRelayed, remoteAddress: '192.0.2.9', exporter: new Uint8Array(32) };
  return { request, transport } as unknown as Applicant;
}
const hello = { kind: 'hello', hello: { clientId: 'laptop' } };
const join = (worker: number) => ({ kind: 'join', join: { token: Uint8Array.of(worker + 7 * COUNT) } });

it('marks tokens and connection ids so that the worker is known by the first byte', () => {
  const { place } = placed();
  for (let i = 0; i < 50; i++) {
    for (const bytes of [place.newToken(), place.newConnectionId(8)]) expect(bytes[0]! % COUNT).toBe(1);
  }
  expect(place.newConnectionId(8)).toHaveLength(8);
});

it('keeps HELLO of a client whose home it is, and learns what the client has used', async () => {
  const { place } = placed(async () => ({ worker: 1, others: 4, usedBytes: 300 }));
  expect(await place.pass(applicant(hello), 1_000)).toBe(4);
  expect(place.clients.usedBytes('laptop')).toBe(300);
});

it.each<[string, Applicant]>([
  ['JOIN to its own session', applicant(join(1))],
  ['what another worker has relayed, whatever has changed since', applicant(join(0), true)],
  ['JOIN to a session of a worker that takes nothing', applicant(join(2))],
  ['HELLO while the first process does not answer', applicant(hello)],
])('keeps %s', async (_, one) => {
  expect(await placed().place.pass(one, 1_000)).toBe(0);
});

it('knows no session of a worker that says nothing: nobody would answer there', async () => {
  let isSilent = true;
  const { place, start } = placed(async (name) => (name === 'isSilent' ? isSilent : undefined));
  let relayed = 0;
  const server = createServer(() => relayed++).listen(start.relays[2]);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  expect(await place.pass(applicant(join(2)), 1_000)).toBe(0);
  expect(relayed).toBe(0);
  isSilent = false;
  const passed = applicant(join(2));
  Object.assign(passed.transport, { setHandlers() {}, setReading() {}, write() {}, destroy() {} });
  Object.assign(passed, { handshake: { requestFrame: new Uint8Array() }, takeRest: () => new Uint8Array() });
  expect(await place.pass(passed, 1_000)).toBeUndefined();
  await expect.poll(() => relayed).toBe(1);
});

it('tells the first process of proven clients and of sessions', () => {
  const { place, told } = placed();
  place.onProven('laptop', '192.0.2.9');
  place.onSessions('laptop', -1);
  expect(told).toEqual([
    ['proven', { clientId: 'laptop', host: '192.0.2.9' }],
    ['sessions', { clientId: 'laptop', change: -1 }],
  ]);
});

it('has UDP sockets at the addresses that the first process has bound', async () => {
  const { place } = placed();
  expect(place.udpHosts).toEqual(['192.0.2.1']);
  const other = { family: 4, host: '192.0.2.2', handlers: { onDatagram() {} } } as const;
  await expect(place.openUdp(new UdpSockets(undefined), other)).rejects.toMatchObject({
    code: 'EADDRNOTAVAIL',
  });
});

it('has no UDP where the first process has bound none, which has said why', async () => {
  const { place } = placed(undefined, {
    listen: [{ host: '127.0.0.1', port: 8443, required: true }],
    udp: [],
  });
  const { concentrator, lines } = await assembled([], {}, { datagrams: { ...DATAGRAMS, port: 8443 } }, place);
  await concentrator.start();
  onTestFinished(() => concentrator.close());
  const said = lines.map((line) => JSON.parse(line));
  expect(said.map(({ msg }) => msg)).toContain('worker is up');
  expect(said.filter(({ msg }) => msg.includes('datagrams'))).toEqual([]);
});

it('refuses connections before it listens, when it has stopped, and while few descriptors are left', async () => {
  const { place } = placed();
  let resets = 0;
  const give = () => {
    const socket = { resetAndDestroy: () => resets++ } as unknown as Socket;
    place.take(
      { head: new Uint8Array(), remote: '192.0.2.9', isProven: false, isProxied: false, leftMs: 1 },
      socket,
    );
  };
  give();
  expect(resets).toBe(1);
  const options: HandshakeGateOptions = {
    ...identity,
    ...{
      pool: new ReceivePool(() => 0, 0),
      clock: () => 0,
      onSubflow() {},
      onHandshakeFailed() {},
      onWarning() {},
    },
  };
  const listener = await place.listen({ ...options, hasDescriptor: () => false });
  give();
  expect(resets).toBe(2);
  listener.close();
  give();
  expect(resets).toBe(3);
});
