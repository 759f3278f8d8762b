import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type EgressRule, parseEgressRule } from '../../../server-concentrator/config/egress-rule.ts';
import { createEgressPolicy, type EgressPolicy } from '../../../server-concentrator/egress/egress-policy.ts';
import {
  type DialOutcome,
  OriginDialer,
  type OriginDialerOptions,
} from '../../../server-concentrator/egress/origin-dialer.ts';
import { OpenLine } from '../../../server-concentrator/limits/open-line.ts';
import { StreamError } from '../../../shared/protocol/errors.ts';
import type { Nat64Prefix } from '../../../shared/runtime/address/nat64.ts';
import type { ConnectAddress } from '../../../shared/runtime/app/origin-connector.ts';
import { Cancellation, type CancelSignal } from '../../../shared/runtime/async/cancellation.ts';
import { PlainWay } from '../../../shared/runtime/dns/dns-way.ts';
import { Nat64Discovery } from '../../../shared/runtime/dns/nat64-discovery.ts';
import { DnsResolver, type OriginResolver } from '../../../shared/runtime/dns/resolver.ts';
import { Translators } from '../../../shared/runtime/dns/translators.ts';
import { startNameServer } from '../../support/name-server.ts';

const NEVER = new AbortController().signal;
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function policyOf(
  { allow = [], deny = [] }: { allow?: string[]; deny?: string[] } = {},
  nat64: () => readonly Nat64Prefix[] = () => [],
): EgressPolicy {
  const rules = (lines: string[]) => lines.map((line) => parseEgressRule(line) as EgressRule);
  return createEgressPolicy({
    allow: rules(allow),
    deny: rules(deny),
    ownAddresses: [],
    listenPorts: [8443],
    nat64,
  });
}

/** A real TCP connection. */
const connectTcp: ConnectAddress<net.Socket> = async (address, port, signal) => {
  const socket = net.connect({ host: address, port });
  signal.addEventListener('abort', () => socket.destroy());
  cleanups.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
};

interface Connection {
  readonly address: string;
  destroy(): void;
}

/** Connects without a network: `failures` says which addresses fail, and how. */
function connectRecorder(failures: Record<string, string> = {}) {
  const dialled: string[] = [];
  const connect: ConnectAddress<Connection> = async (address, port) => {
    dialled.push(`${address} ${port}`);
    const code = failures[address];
    if (code) throw Object.assign(new Error(`connect ${code} ${address}:${port}`), { code });
    return { address, destroy() {} };
  };
  return { connect, dialled };
}

function resolverOf(names: Record<string, readonly string[]>): OriginResolver & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async resolve(name) {
      asked.push(name);
      const addresses = names[name];
      if (!addresses) throw new StreamError('nameNotFound', `${name} could not be resolved`);
      return addresses;
    },
  };
}

function dialerOf<T extends { destroy(): void }>(options: {
  policy?: EgressPolicy;
  resolver?: OriginResolver;
  connect: ConnectAddress<T>;
  services?: NonNullable<OriginDialerOptions<T>['services']>;
  clock?: () => number;
  opens?: OpenLine;
}) {
  const outcomes: DialOutcome[] = [];
  const dialer = new OriginDialer<T>({
    policy: policyOf(),
    resolver: resolverOf({}),
    connectTimeoutMs: 5000,
    clock: () => 0,
    onOutcome: (outcome) => outcomes.push(outcome),
    ...options,
  });
  return { dialer, outcomes };
}

async function listen(host: string): Promise<number> {
  // A client that goes without having read resets the connection.
  const server = net.createServer((socket) => socket.on('error', () => {}).end('hello'));
  server.listen(0, host);
  await once(server, 'listening');
  cleanups.push(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

async function closedPort(host: string): Promise<number> {
  const server = net.createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('real connections', () => {
  test.each(['127.0.0.1', '::1'])('%s with an allow rule', async (host) => {
    const port = await listen(host);
    const { dialer, outcomes } = dialerOf({ policy: policyOf({ allow: [host] }), connect: connectTcp });
    const socket = await dialer.dial({ host, port }, NEVER, 'laptop');
    const [data] = await once(socket, 'data');
    expect(String(data)).toBe('hello');
    expect(outcomes).toEqual(['connected']);
  });

  test.each(['127.0.0.1', '::1', '::ffff:127.0.0.1', '127.1', '0.0.0.0', '2130706433'])(
    '%s without one reaches nothing',
    async (host) => {
      const port = await listen('127.0.0.1');
      const { dialer, outcomes } = dialerOf({ connect: connectTcp });
      await expect(dialer.dial({ host, port }, NEVER, 'laptop')).rejects.toMatchObject({
        code: 'notAuthorized',
      });
      expect(outcomes).toEqual(['notAuthorized']);
    },
  );

  test.each(['127.0.0.1', '::1'])('a closed port at %s', async (host) => {
    const port = await closedPort(host);
    const { dialer, outcomes } = dialerOf({ policy: policyOf({ allow: [host] }), connect: connectTcp });
    await expect(dialer.dial({ host, port }, NEVER, 'laptop')).rejects.toMatchObject({
      code: 'connectionRefused',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    expect(outcomes).toEqual(['connectionRefused']);
  });

  test('a name through a real name server, over the family that listens', async () => {
    const port = await listen('127.0.0.1');
    const server = await startNameServer((type) => ({ addresses: type === 'A' ? ['127.0.0.1'] : ['::1'] }));
    cleanups.push(() => server.close());
    const resolver = new DnsResolver({
      timeoutMs: 5000,
      clock: () => 0,
      route: () => ({ servers: [server.address], way: new PlainWay() }),
    });
    const policy = policyOf({ allow: ['127.0.0.1', '::1'] });
    const { dialer } = dialerOf({ policy, resolver, connect: connectTcp });
    const socket = await dialer.dial({ host: 'Origin.Example.Test.', port }, NEVER, 'laptop');
    expect(socket.remoteAddress).toBe('127.0.0.1');
    expect(server.queries.sort()).toEqual(['A origin.example.test', 'AAAA origin.example.test']);
  });
});

describe('a concentrator without IPv4, behind a translator', () => {
  const OPERATOR = '2620:fe:64::c000:aa';
  const LOCAL = 'fd00:64::c000:aa';
  const IPV6_ONLY = ['2001:470::5'];

  test.each<[string, string, string[], string[], string]>([
    ['an IPv4 address', OPERATOR, [], ['198.41.0.4'], '2620:fe:64::c629:4 443'],
    ['a name that has IPv4 alone', OPERATOR, [], ['four.test'], '2620:fe:64::c629:4 443'],
    ['a name that has been translated already', OPERATOR, [], ['dns64.test'], '2620:fe:64::c629:5 443'],
    ['IPv6', OPERATOR, [], ['2620:fe::fe'], '2620:fe::fe 443'],
    ['a prefix that a rule opens', LOCAL, ['fd00:64::/96'], ['198.41.0.4'], 'fd00:64::c629:4 443'],
    [
      'a private address that a rule opens',
      OPERATOR,
      ['10.0.0.0/8'],
      ['10.1.2.3'],
      '2620:fe:64::a01:203 443',
    ],
  ])('dials %s', async (_, shown, allow, [host], expected) => {
    const { connect, dialled } = connectRecorder();
    await dialerBehind(shown, { allow }, connect).dial({ host: host!, port: 443 }, NEVER, 'laptop');
    expect(dialled).toEqual([expected]);
  });

  test.each<[string, string, { allow?: string[]; deny?: string[] }, string]>([
    ['a private address in disguise', OPERATOR, {}, '2620:fe:64::a01:203'],
    ['a name that leads to one', OPERATOR, {}, 'rebind.test'],
    ['a private address', OPERATOR, {}, '10.1.2.3'],
    ['a denied address in disguise', OPERATOR, { deny: ['198.41.0.0/16'] }, '2620:fe:64::c629:4'],
    ['a denied translation', OPERATOR, { deny: ['2620:fe:64::/48'] }, '198.41.0.4'],
    ['what lies in a private prefix', LOCAL, {}, '198.41.0.4'],
    ['metadata in a prefix that is open', LOCAL, { allow: ['fd00:64::/96'] }, 'fd00:64::a9fe:a9fe'],
  ])('refuses %s', async (_, shown, rules, host) => {
    const { connect, dialled } = connectRecorder();
    const dial = dialerBehind(shown, rules, connect).dial({ host, port: 443 }, NEVER, 'laptop');
    await expect(dial).rejects.toMatchObject({ code: 'notAuthorized' });
    expect(dialled).toEqual([]);
  });

  function dialerBehind(
    shown: string,
    rules: { allow?: string[]; deny?: string[] },
    connect: ConnectAddress<Connection>,
  ) {
    const clock = () => 0;
    const discovery = new Nat64Discovery(async () => [{ value: shown, ttl: 60 }], clock);
    const resolver = resolverOf({
      'four.test': ['198.41.0.4'],
      'dns64.test': ['2620:fe:64::c629:5'],
      'rebind.test': ['2620:fe:64::a01:203'],
    });
    return new OriginDialer<Connection>({
      policy: policyOf(rules, () => discovery.known),
      resolver,
      translators: new Translators(discovery, () => IPV6_ONLY, clock),
      connect,
      connectTimeoutMs: 1_000,
      clock,
    });
  }
});

describe('policy', () => {
  test('a name that leads to special addresses only is refused', async () => {
    const resolver = resolverOf({
      'rebind.example.org': ['127.0.0.1', '10.0.0.1', '::1', '::ffff:169.254.169.254'],
    });
    const { connect, dialled } = connectRecorder();
    const policy = policyOf({ allow: ['rebind.example.org', '*'] });
    const { dialer, outcomes } = dialerOf({ policy, resolver, connect });
    await expect(
      dialer.dial({ host: 'rebind.example.org', port: 80 }, NEVER, 'laptop'),
    ).rejects.toMatchObject({
      code: 'notAuthorized',
      message: expect.stringContaining('127.0.0.1 is a special address (loopback'),
    });
    expect(dialled).toEqual([]);
    expect(outcomes).toEqual(['notAuthorized']);
  });

  test('of mixed addresses only the permitted are dialled, and the name is resolved once', async () => {
    const resolver = resolverOf({ 'mixed.example.org': ['10.0.0.1', '8.8.8.8', '::1', '8.8.4.4'] });
    const { connect, dialled } = connectRecorder({ '8.8.8.8': 'ECONNREFUSED', '8.8.4.4': 'ECONNREFUSED' });
    const { dialer } = dialerOf({ resolver, connect });
    await expect(dialer.dial({ host: 'mixed.example.org', port: 80 }, NEVER, 'laptop')).rejects.toMatchObject(
      {
        code: 'connectionRefused',
      },
    );
    expect(dialled).toEqual(['8.8.8.8 80', '8.8.4.4 80']);
    expect(resolver.asked).toEqual(['mixed.example.org']);
  });

  test.each(['ads.example.org', 'ADS.example.org.', 'ａｄｓ.example.org'])(
    'a denied name is not even resolved: %s',
    async (host) => {
      const resolver = resolverOf({ 'ads.example.org': ['8.8.8.8'] });
      const { connect } = connectRecorder();
      const { dialer } = dialerOf({ policy: policyOf({ deny: ['*.example.org'] }), resolver, connect });
      await expect(dialer.dial({ host, port: 80 }, NEVER, 'laptop')).rejects.toMatchObject({
        code: 'notAuthorized',
      });
      expect(resolver.asked).toEqual([]);
    },
  );

  test('a new policy holds from the next dial on', async () => {
    const { connect } = connectRecorder();
    const { dialer, outcomes } = dialerOf({ connect });
    const destination = { host: '8.8.8.8', port: 25 };
    await dialer.dial(destination, NEVER, 'laptop');
    dialer.setPolicy(policyOf({ deny: ['*:25'] }));
    await expect(dialer.dial(destination, NEVER, 'laptop')).rejects.toMatchObject({ code: 'notAuthorized' });
    dialer.setPolicy(policyOf());
    expect((await dialer.dial(destination, NEVER, 'laptop')).address).toBe('8.8.8.8');
    expect(outcomes).toEqual(['connected', 'notAuthorized', 'connected']);
  });
});

describe('failures', () => {
  test.each([
    ['ECONNREFUSED', 'connectionRefused'],
    ['ECONNRESET', 'connectionReset'],
    ['ETIMEDOUT', 'timedOut'],
    ['EHOSTUNREACH', 'destinationUnreachable'],
    ['ENETUNREACH', 'networkFailure'],
    ['EADDRNOTAVAIL', 'networkFailure'],
    ['EACCES', 'notAuthorized'],
    ['EMFILE', 'resourceExceeded'],
    ['EWEIRD', 'internalError'],
  ])('%s is told as %s', async (errno, code) => {
    const { connect } = connectRecorder({ '8.8.8.8': errno });
    const { dialer, outcomes } = dialerOf({ connect });
    await expect(dialer.dial({ host: '8.8.8.8', port: 80 }, NEVER, 'laptop')).rejects.toMatchObject({
      code,
      message: expect.stringMatching(`^8.8.8.8:80 could not be connected to: [^:]+ \\(${errno}\\)$`),
      cause: { code: errno },
    });
    expect(outcomes).toEqual([code]);
  });

  test('a refusal says more than an unreachable family', async () => {
    const resolver = resolverOf({ 'www.example.org': ['2606:4700::1', '8.8.8.8'] });
    const { connect, dialled } = connectRecorder({
      '2606:4700::1': 'ENETUNREACH',
      '8.8.8.8': 'ECONNREFUSED',
    });
    const { dialer } = dialerOf({ resolver, connect });
    await expect(dialer.dial({ host: 'www.example.org', port: 80 }, NEVER, 'laptop')).rejects.toMatchObject({
      code: 'connectionRefused',
    });
    expect(dialled).toEqual(['2606:4700::1 80', '8.8.8.8 80']);
  });

  test('an unknown name', async () => {
    const { dialer, outcomes } = dialerOf({ connect: connectRecorder().connect });
    await expect(dialer.dial({ host: 'nowhere.example', port: 80 }, NEVER, 'laptop')).rejects.toMatchObject({
      code: 'nameNotFound',
    });
    expect(outcomes).toEqual(['nameNotFound']);
  });

  test('no name at all', async () => {
    const resolver = resolverOf({});
    const { dialer } = dialerOf({ resolver, connect: connectRecorder().connect });
    await expect(dialer.dial({ host: 'a\nb', port: 80 }, NEVER, 'laptop')).rejects.toMatchObject({
      code: 'nameNotFound',
      message: '"a\\nb" is neither a domain name nor an IP address',
    });
    expect(resolver.asked).toEqual([]);
  });

  test('the client gives up while connecting', async () => {
    const client = new AbortController();
    let attempt: CancelSignal | undefined;
    const { dialer, outcomes } = dialerOf<Connection>({
      connect: (_address, _port, signal) => {
        attempt = signal;
        client.abort();
        return new Promise(() => {});
      },
    });
    await expect(dialer.dial({ host: '8.8.8.8', port: 80 }, client.signal, 'laptop')).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect(attempt?.aborted).toBe(true);
    expect(outcomes).toEqual(['cancelled']);
  });

  test('the client had given up before', async () => {
    const { connect, dialled } = connectRecorder();
    const { dialer } = dialerOf({ connect });
    await expect(
      dialer.dial({ host: '8.8.8.8', port: 80 }, AbortSignal.abort(), 'laptop'),
    ).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect(dialled).toEqual([]);
  });
});

test('asking for the addresses of a host takes a turn, as a dial does', async () => {
  const waited: string[] = [];
  const opens = new OpenLine({
    rate: { perSecond: 1, burst: 1 },
    clock: () => 0,
    refuse: () => undefined,
    onWait: (clientId) => void waited.push(clientId),
  });
  const { dialer } = dialerOf({ connect: connectRecorder().connect, opens });
  const ask = (signal: CancelSignal) => dialer.addressesOf({ host: '8.8.8.8', port: 20 }, signal, 'laptop');
  await expect(ask(AbortSignal.abort())).rejects.toThrow();
  expect(await ask(NEVER)).toEqual(['8.8.8.8']);
  const client = new Cancellation();
  const second = ask(client);
  client.abort();
  await expect(second).rejects.toMatchObject({ code: 'ECANCELLED' });
  expect(waited).toEqual(['laptop']);
});

test('IPv6 comes first; after it lost to IPv4, IPv4 comes first for ten minutes', async () => {
  let nowMs = 0;
  const resolver = resolverOf({ 'www.example.org': ['8.8.8.8', '2606:4700::1'] });
  const failures: Record<string, string> = {};
  const { connect, dialled } = connectRecorder(failures);
  const { dialer } = dialerOf({ resolver, connect, clock: () => nowMs });
  const dial = async () =>
    (await dialer.dial({ host: 'www.example.org', port: 80 }, NEVER, 'laptop')).address;

  expect(await dial()).toBe('2606:4700::1');
  failures['2606:4700::1'] = 'ENETUNREACH';
  expect(await dial()).toBe('8.8.8.8');
  delete failures['2606:4700::1'];
  nowMs = 599_999;
  expect(await dial()).toBe('8.8.8.8');
  nowMs = 600_000;
  expect(await dial()).toBe('2606:4700::1');
  expect(dialled.length).toBe(5);
});

describe('questions for names', () => {
  const question = { host: 'names.tributary.invalid', port: 53 };
  const bench = (deny: string[]) => {
    const given: string[] = [];
    const services = {
      'names.tributary.invalid': (clientId: string) => {
        given.push(clientId);
        return { address: 'names', destroy() {} };
      },
    };
    const resolver = resolverOf({});
    const { connect, dialled } = connectRecorder();
    return {
      ...dialerOf({ policy: policyOf({ deny }), resolver, connect, services }),
      resolver,
      dialled,
      given,
    };
  };

  test('are answered here: nothing is looked up or dialled for them', async () => {
    const { dialer, outcomes, resolver, dialled, given } = bench([]);
    expect((await dialer.dial(question, NEVER, 'laptop')).address).toBe('names');
    expect([given, resolver.asked, dialled, outcomes]).toEqual([['laptop'], [], [], ['connected']]);
  });

  test('may be denied', async () => {
    const { dialer, given } = bench(['names.tributary.invalid']);
    await expect(dialer.dial(question, NEVER, 'laptop')).rejects.toMatchObject({ code: 'notAuthorized' });
    expect(given).toEqual([]);
  });
});
