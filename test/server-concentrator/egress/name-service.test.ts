import { describe, expect, it } from 'vitest';
import { parseEgressRule } from '../../../server-concentrator/config/egress-rule.ts';
import { createEgressPolicy } from '../../../server-concentrator/egress/egress-policy.ts';
import { NameService } from '../../../server-concentrator/egress/name-service.ts';
import { decodeNameAnswer, encodeNameQuestion } from '../../../shared/protocol/codec/name-question.ts';
import { StreamError } from '../../../shared/protocol/errors.ts';
import type { AppSocket } from '../../../shared/runtime/app/app-socket.ts';
import type { CancelSignal } from '../../../shared/runtime/async/cancellation.ts';
import type { NameResolver } from '../../../shared/runtime/dns/resolver.ts';
import { eventually } from '../../support/eventually.ts';

const NAMES: Readonly<Record<string, readonly string[]>> = {
  'public.test': ['198.41.0.4', '2620:fe::fe'],
  'inside.test': ['10.1.2.3'],
  'rebound.test': ['127.0.0.1', '198.41.0.4'],
};

function service(resolver: Partial<NameResolver> = {}) {
  const rules = ['*.denied.test', '198.41.0.9', 'public.test:443'].map((rule) => parseEgressRule(rule)!);
  const policy = createEgressPolicy({
    allow: [],
    deny: rules,
    ownAddresses: ['198.41.0.77'],
    listenPorts: [],
  });
  const asked: string[] = [];
  const names = new NameService({
    async resolve(name, _signal, asker) {
      asked.push(`${name} for ${asker}`);
      const found = NAMES[name];
      if (found === undefined) throw new StreamError('nameNotFound', 'none');
      return found;
    },
    async namesOf(address, _signal, asker) {
      asked.push(`${address} for ${asker}`);
      return ['host.test'];
    },
    ...resolver,
  });
  const open = () => names.open('laptop', policy);
  return { open, asked };
}

/** What comes back through the connection until its end. */
function heard(socket: AppSocket) {
  const said = { bytes: Buffer.alloc(0), hasEnded: false, isClosed: false };
  socket.setHandlers({
    onChunk: (chunk) => {
      said.bytes = Buffer.concat([said.bytes, chunk.bytes]);
      chunk.release();
    },
    onEnd: () => {
      said.hasEnded = true;
    },
    onDrain() {},
    onClose: () => {
      said.isClosed = true;
    },
  });
  socket.resume();
  return said;
}

async function answerTo(wants: 'addresses' | 'names', of: string, own = service()) {
  const socket = own.open();
  const said = heard(socket);
  for (const byte of encodeNameQuestion({ wants, of })) socket.write([Uint8Array.of(byte)]);
  await eventually(() => expect(said.hasEnded).toBe(true));
  expect(said.isClosed).toBe(false);
  socket.end();
  await eventually(() => expect(said.isClosed).toBe(true));
  return decodeNameAnswer(said.bytes);
}

describe('a client that asks for names', () => {
  it.each([
    ['addresses', 'Public.Test.', { values: ['198.41.0.4', '2620:fe::fe'] }],
    ['addresses', '198.41.0.4', { values: ['198.41.0.4'] }],
    ['addresses', 'none.test', { error: 'nameNotFound' }],
    ['addresses', 'a b', { error: 'nameNotFound' }],
    ['addresses', 'inside.test', { error: 'notAuthorized' }],
    ['addresses', 'rebound.test', { values: ['198.41.0.4'] }],
    ['addresses', 'a.denied.test', { error: 'notAuthorized' }],
    ['addresses', '127.1', { error: 'notAuthorized' }],
    ['names', '198.41.0.4', { values: ['host.test'] }],
    ['names', '10.1.2.3', { error: 'notAuthorized' }],
    ['names', '198.41.0.9', { error: 'notAuthorized' }],
    ['names', '198.41.0.77', { error: 'notAuthorized' }],
    ['names', 'public.test', { error: 'nameNotFound' }],
  ] as const)('%s of %s', async (wants, of, answer) => {
    expect(await answerTo(wants, of)).toEqual(answer);
  });

  it('has them looked up in its own name, once', async () => {
    const own = service();
    await answerTo('addresses', 'public.test', own);
    await answerTo('names', '198.41.0.4', own);
    expect(own.asked).toEqual(['public.test for laptop', '198.41.0.4 for laptop']);
  });

  it('is told of a fault of ours, and of no more', async () => {
    const own = service({ resolve: () => Promise.reject(new TypeError('a mistake')) });
    expect(await answerTo('addresses', 'public.test', own)).toEqual({ error: 'internalError' });
  });

  it('ends the look-up by leaving', async () => {
    let signal: CancelSignal | undefined;
    const { open } = service({
      resolve: (_name, given) => {
        signal = given;
        return new Promise(() => {});
      },
    });
    const socket = open();
    const said = heard(socket);
    socket.write([encodeNameQuestion({ wants: 'addresses', of: 'public.test' })]);
    expect(signal?.aborted).toBe(false);
    socket.destroy('reset');
    await eventually(() => expect(said.isClosed).toBe(true));
    expect(signal?.aborted).toBe(true);
  });

  it('is cut off when it says too much, and told when it says nothing that is a question', async () => {
    const { open } = service();
    const long = open();
    const cutOff = heard(long);
    long.write([new Uint8Array(300).fill(0xff)]);
    await eventually(() => expect(cutOff.isClosed).toBe(true));
    const odd = open();
    const told = heard(odd);
    odd.write([Uint8Array.of(7, 1, 0x61)]);
    odd.end();
    await eventually(() => expect(told.hasEnded).toBe(true));
    expect(decodeNameAnswer(told.bytes)).toEqual({ error: 'malformedMessage' });
  });
});
