import { expect, it } from 'vitest';
import {
  DEFAULT_OPTIMISTIC_REPLY,
  repliesOptimistically,
} from '../../../client-proxy/front/optimistic-reply.ts';
import { ProvenFamilies } from '../../../client-proxy/front/proven-families.ts';

const to = (port: number, host = 'example.org') => ({ host, port });
const families = new ProvenFamilies();

it('promises success by port, always or never', () => {
  expect(
    [80, 443, 22].map((port) => repliesOptimistically(DEFAULT_OPTIMISTIC_REPLY, to(port), families)),
  ).toEqual([true, true, false]);
  expect(repliesOptimistically({ ports: [22] }, to(22), families)).toBe(true);
  expect(repliesOptimistically({ ports: [] }, to(80), families)).toBe(false);
  expect(repliesOptimistically('always', to(22), families)).toBe(true);
  expect(repliesOptimistically('never', to(80), families)).toBe(false);
});

it('promises nothing for an address of a family that may not be reached, unless it is to', () => {
  const [ipv4, ipv6] = [to(443, '192.0.2.1'), to(443, '2001:db8::1')];
  const known = new ProvenFamilies();
  const promised = () =>
    [ipv4, ipv6].map((destination) => repliesOptimistically(DEFAULT_OPTIMISTIC_REPLY, destination, known));
  expect(promised()).toEqual([false, false]);
  expect(repliesOptimistically('always', ipv6, known)).toBe(true);
  known.note('192.0.2.9', 'ok');
  expect(promised()).toEqual([true, false]);
  // Names say nothing of families.
  known.note('example.org', 'ok');
  known.note('example.org', 'networkFailure');
  expect(promised()).toEqual([true, false]);
});

it.each([
  // [how the next attempt in a proven family ended, whether success is still promised]
  ['ok', true],
  ['connectionRefused', true],
  ['connectionReset', true],
  ['notAuthorized', true],
  ['cancelled', true],
  ['networkFailure', false],
  ['destinationUnreachable', false],
  ['timedOut', false],
] as const)('after %s: %s', (result, isPromised) => {
  const known = new ProvenFamilies();
  known.note('2001:db8::1', 'ok');
  known.note('2001:db8::2', result);
  expect(known.mayPromise('2001:db8::3')).toBe(isPromised);
});

it('takes a refusal by an origin for an answer', () => {
  const known = new ProvenFamilies();
  known.note('2001:db8::1', 'connectionRefused');
  expect(known.mayPromise('2001:db8::2')).toBe(true);
});
