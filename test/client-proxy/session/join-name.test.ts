import { expect, it, onTestFinished } from 'vitest';
import { ClientSession } from '../../../client-proxy/session/client-session.ts';
import { eventually } from '../../support/eventually.ts';
import { Answered } from './answered.ts';
import { sessionOptions } from './session-options.ts';

const NAME = 'w1.c1.example.org';

/** A session over `dsl` and `lte`, which are both connected before WELCOME comes. */
function sessionWith(joinName: string | undefined) {
  const dials: { name: string; serverName: string | undefined; transport: Answered }[] = [];
  const uplink = (name: string, address: string) =>
    ({ name, binding: { kind: 'address', address }, backup: false }) as const;
  const results: string[] = [];
  const session = new ClientSession(
    {
      ...sessionOptions(),
      uplinks: [uplink('dsl', '127.0.0.2'), uplink('lte', '127.0.0.3')],
      backoff: { minMs: 600_000, maxMs: 600_000 },
      onDial: (name: string, result: string) => results.push(`${name} ${result}`),
      async connect({ name }, _address, _signal, { serverName }) {
        const transport = new Answered('127.0.0.2');
        transport.joinName = joinName;
        transport.isDeaf = dials.length === 0;
        dials.push({ name, serverName, transport });
        return transport;
      },
    },
    { onSubflowUp() {}, onGoingAway() {}, onClosed() {} },
  );
  onTestFinished(() => session.close('goingAway'));
  session.start();
  const subflows = () => session.driver?.snapshot().subflows.length;
  const named = () => dials.map(({ name, serverName }) => `${name} ${serverName ?? '-'}`);
  return { dials, named, results, subflows, session };
}

it('dials JOINs by the name of WELCOME, and at once anew what was connected before it', async () => {
  const { dials, named, results, subflows, session } = sessionWith(NAME);
  await eventually(() => expect(dials.length).toBe(2));
  await new Promise((resolve) => setImmediate(resolve));
  dials[0]!.transport.hear();
  await eventually(() => expect(subflows()).toBe(2));
  expect(named()).toEqual(['dsl -', 'lte -', `lte ${NAME}`]);
  expect(dials.map(({ transport }) => transport.request)).toEqual(['hello', undefined, 'join']);
  expect(dials[1]!.transport.isOpen).toBe(false);
  expect(results).toEqual(['dsl ok', 'lte ok']);
  session.paths.renewSubflows();
  await eventually(() => expect(named().slice(3).sort()).toEqual([`dsl ${NAME}`, `lte ${NAME}`]));
});

it('dials JOINs as HELLO where WELCOME has no name, and takes what was connected before it', async () => {
  const { dials, named, subflows } = sessionWith(undefined);
  await eventually(() => expect(dials.length).toBe(2));
  await new Promise((resolve) => setImmediate(resolve));
  dials[0]!.transport.hear();
  await eventually(() => expect(subflows()).toBe(2));
  expect(named()).toEqual(['dsl -', 'lte -']);
  expect(dials.map(({ transport }) => transport.request)).toEqual(['hello', 'join']);
});

it('dials at once anew, by the name, where HELLO was said twice and has begun a session on two machines', async () => {
  const { dials, named, results, subflows } = sessionWith(NAME);
  await eventually(() => expect(dials.length).toBe(2));
  // The first answer is late, so the other uplink says HELLO, too: to another machine, which answers before.
  await eventually(() => expect(dials[1]!.transport.request).toBe('hello'));
  await eventually(() => expect(subflows()).toBe(1));
  dials[0]!.transport.token = new Uint8Array(16).fill(9);
  dials[0]!.transport.hear();
  await eventually(() => expect(subflows()).toBe(2));
  expect(named()).toEqual(['dsl -', 'lte -', `dsl ${NAME}`]);
  expect(dials.map(({ transport }) => transport.request)).toEqual(['hello', 'hello', 'join']);
  expect(results).toEqual(['lte ok', 'dsl ok']);
});
