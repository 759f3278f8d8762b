import type { Socket } from 'node:dgram';
import { describe, expect, it } from 'vitest';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import type { DnsRecord } from '../../../shared/runtime/dns/dns-message.ts';
import { Ipv4Route } from '../../../shared/runtime/dns/ipv4-route.ts';
import { Nat64Discovery } from '../../../shared/runtime/dns/nat64-discovery.ts';
import { Translators } from '../../../shared/runtime/dns/translators.ts';

const never = new Cancellation();
const V6_ONLY = ['2001:470::5', 'fe80::1', '127.0.0.1', '169.254.7.7'];
const PREFIX = [{ value: '64:ff9b::c000:aa', ttl: 300 }];

function bed(own: readonly string[], answers: readonly (readonly DnsRecord[] | string)[]) {
  const state = { nowMs: 0, asked: 0, hasIpv4Route: true };
  const ask = async () => {
    const answer = answers[Math.min(state.asked++, answers.length - 1)]!;
    if (typeof answer === 'string') throw Object.assign(new Error(answer), { code: answer });
    return answer;
  };
  const clock = () => state.nowMs;
  const discovery = new Nat64Discovery(ask, clock);
  // A kernel with and without a default route, as connect(2) tells.
  const connect = (_port: number, _host: string, done: (error?: Error) => void) =>
    state.hasIpv4Route ? done() : done(Object.assign(new Error('no route'), { code: 'ENETUNREACH' }));
  const openUdp = async () => ({ connect, close() {} }) as unknown as Socket;
  const translators = new Translators(discovery, () => own, clock, new Ipv4Route(openUdp, clock));
  const dialled = async (...addresses: string[]) => {
    await translators.learnFor(addresses, never);
    return translators.reachable(addresses);
  };
  return { state, dialled };
}

describe('what is dialled', () => {
  it.each([
    ['IPv4, translated where there is none', V6_ONLY, ['198.41.0.4'], ['64:ff9b::c629:4'], 1],
    ['IPv6 as it is', V6_ONLY, ['2620:fe::fe'], ['2620:fe::fe'], 1],
    ['both', V6_ONLY, ['2620:fe::fe', '198.41.0.4'], ['2620:fe::fe', '64:ff9b::c629:4'], 1],
    ['IPv4 as it is where there is some', [...V6_ONLY, '10.0.0.5'], ['198.41.0.4'], ['198.41.0.4'], 0],
    ['IPv4 as it is without IPv6', ['fe80::1'], ['198.41.0.4'], ['198.41.0.4'], 0],
    ['what is this machine as it is', V6_ONLY, ['127.0.0.1', '::1'], ['127.0.0.1', '::1'], 0],
  ])('%s', async (_, own, addresses, expected, asked) => {
    const { state, dialled } = bed(own, [PREFIX]);
    expect(await dialled(...addresses)).toEqual(expected);
    expect(state.asked).toBe(asked);
  });

  it('is translated where an IPv4 address of a bridge leads nowhere, but for private networks', async () => {
    const { state, dialled } = bed([...V6_ONLY, '172.17.0.1'], [PREFIX]);
    state.hasIpv4Route = false;
    expect(await dialled('198.41.0.4', '172.17.0.2')).toEqual(['64:ff9b::c629:4', '172.17.0.2']);
    state.hasIpv4Route = true;
    state.nowMs = 999;
    expect(await dialled('198.41.0.4')).toEqual(['64:ff9b::c629:4']);
    state.nowMs = 1_000;
    expect(await dialled('198.41.0.4')).toEqual(['198.41.0.4']);
  });

  it('is remembered as long as the name servers say, within bounds', async () => {
    const { state, dialled } = bed(V6_ONLY, [PREFIX, [{ value: '2001:db8:64::c000:aa', ttl: 1 }]]);
    const at = async (nowMs: number) => {
      state.nowMs = nowMs;
      await dialled('198.41.0.4');
      await new Promise((resolve) => setImmediate(resolve));
      return state.asked;
    };
    expect([await at(0), await at(299_999), await at(300_000)]).toEqual([1, 1, 2]);
    expect([await at(359_999), await at(360_000)]).toEqual([2, 3]);
    expect(await dialled('198.41.0.4')).toEqual(['2001:db8:64::c629:4']);
  });

  it.each([
    ['ENODATA', 600_000],
    ['ENOTFOUND', 600_000],
    ['ESERVFAIL', 2_000],
    ['ETIMEOUT', 2_000],
  ])('after %s stays as it is, and is asked for again after %d ms', async (code, againMs) => {
    const { state, dialled } = bed(V6_ONLY, [code, PREFIX]);
    expect(await dialled('198.41.0.4')).toEqual(['198.41.0.4']);
    state.nowMs = againMs - 1;
    expect(await dialled('198.41.0.4')).toEqual(['198.41.0.4']);
    state.nowMs = againMs;
    await dialled('198.41.0.4');
    await new Promise((resolve) => setImmediate(resolve));
    expect(await dialled('198.41.0.4')).toEqual(['64:ff9b::c629:4']);
  });

  it('stays what it was while the name servers fail', async () => {
    const { state, dialled } = bed(V6_ONLY, [PREFIX, 'ESERVFAIL']);
    await dialled('198.41.0.4');
    state.nowMs = 1_000_000;
    await dialled('198.41.0.4');
    expect(await dialled('198.41.0.4')).toEqual(['64:ff9b::c629:4']);
  });
});
