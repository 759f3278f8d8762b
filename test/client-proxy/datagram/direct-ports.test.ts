import { describe, expect, it, vi } from 'vitest';
import { DatagramCounts } from '../../../client-proxy/datagram/datagram-counts.ts';
import { DirectPorts, type DirectPortsOptions } from '../../../client-proxy/datagram/direct-ports.ts';
import type { DirectStanding } from '../../../client-proxy/direct/balance/direct-balance.ts';
import { type Candidate, orderUplinks } from '../../../client-proxy/direct/balance/uplink-order.ts';
import type { DirectSocket } from '../../../client-proxy/direct/direct-connections.ts';
import type { DirectRoute } from '../../../client-proxy/steering/datagram-decision.ts';
import { UplinkError } from '../../../client-proxy/uplink/uplink-error.ts';
import type { TributaryError } from '../../../shared/protocol/errors.ts';
import type { StreamPolicy } from '../../../shared/protocol/steering/steering-policy.ts';
import { type SocketAddress, socketAddress } from '../../../shared/runtime/kernel/socket-address.ts';
import type { UdpHandlers } from '../../../shared/runtime/udp/udp-socket.ts';
import { payloadOf } from './relay-bed.ts';

const BY_RULE: DirectRoute = { kind: 'direct', uplink: 'dsl' };
const BALANCED = {
  kind: 'balanced',
  policy: { mode: 'lowest-latency' },
  reason: 'fallback',
} as const satisfies DirectRoute;
const NAME = { host: 'stun.example', port: 3478 };
/** What is the same for all uplinks, as far as a test does not say otherwise. */
const ALIKE = {
  role: 'regular',
  isSuspect: false,
  connectMs: 20,
  bytesPerSecond: 1_000_000,
  busy: 0,
  weight: undefined,
  dueTurn: 0,
} as const;
const DNS = { host: '192.0.2.53', port: 53 };

/** One application whose sockets are written down. */
function bed(options: Partial<DirectPortsOptions> = {}) {
  const time = { ms: 0 };
  const log: string[] = [];
  const handlers: UdpHandlers[] = [];
  const open: DirectSocket[] = [];
  const received: string[] = [];
  const over: string[] = [];
  const traffic = { sentBytes: 0, receivedBytes: 0 };
  const counts = new DatagramCounts();
  const wire = { sent: 0, received: 0 };
  const ports = new DirectPorts(
    {
      candidates: () => ['dsl', 'lte'],
      standingOf: () => 'right',
      resolve: async (_, host) => (host === NAME.host ? ['2001:db8::7', '192.0.2.7'] : [host]),
      openSocket: async (uplinkName, family, on) => {
        log.push(`open ${uplinkName} ${family}`);
        handlers.push(on);
        return {
          local: { host: '10.0.0.2', port: 5_000 },
          send: ([payload], to) => void log.push(`${Buffer.from(payload!)} to ${to?.host} ${to?.port}`),
          close: () => void log.push(`close ${uplinkName}`),
        };
      },
      onOpened: (_, port) => {
        open.push(port);
        return () => void log.push('closed');
      },
      traffic: () => Object.assign(traffic, { end() {} }),
      wireOf: () => ({
        countPacket(direction, bytes) {
          wire[direction] += bytes;
        },
      }),
      onFailed: (_, { host }, error) => void log.push(`${host}: ${(error as TributaryError).code}`),
      counts,
      clock: () => time.ms,
      ...options,
    },
    ({ host, port }, payload, uplinkName) => {
      received.push(`${Buffer.from(payload)} from ${host} ${port}`);
      over.push(uplinkName);
    },
  );
  return { ports, time, log, handlers, open, received, over, traffic, wire, counts };
}

const from = (host: string, port: number): SocketAddress => socketAddress(host, port)!;
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('datagrams past the concentrator', () => {
  it('leave from one socket for each uplink and family, whatever their destination', async () => {
    const { ports, log, counts, traffic, wire } = bed();
    const [dns, name] = [ports.open(DNS, BY_RULE), ports.open(NAME, BY_RULE)];
    dns.send(payloadOf('one'));
    dns.send(payloadOf('two'));
    name.send(payloadOf('three'));
    await settled();
    dns.send(payloadOf('four'));
    ports.open({ host: '2001:db8::1', port: 443 }, BY_RULE).send(payloadOf('five'));
    await settled();
    expect(log).toEqual([
      'open dsl 4',
      'one to 192.0.2.53 53',
      'two to 192.0.2.53 53',
      'three to 192.0.2.7 3478',
      'four to 192.0.2.53 53',
      'open dsl 6',
      'five to 2001:db8::1 443',
    ]);
    expect([counts.sent, traffic.sentBytes]).toEqual([{ datagrams: 5, bytes: 19 }, 19]);
    expect(wire.sent).toBe(19 + 4 * 28 + 48);
  });

  it('come back from any port of an address that was written to, and from no other', async () => {
    const { ports, handlers, received } = bed();
    const line = ports.open(DNS, BY_RULE);
    line.send(payloadOf('hello'));
    await settled();
    for (const [host, port] of [
      [DNS.host, 53],
      [DNS.host, 54],
      ['192.0.2.54', 53],
    ] as const) {
      handlers[0]!.onDatagram(payloadOf('answer'), from(host, port));
    }
    line.end();
    handlers[0]!.onDatagram(payloadOf('late'), from(DNS.host, 53));
    expect(received).toEqual(['answer from 192.0.2.53 53', 'answer from 192.0.2.53 54']);
  });

  it('take the first uplink that can carry them, where no rule names one', async () => {
    const { ports, log } = bed({
      resolve: async (uplinkName, host) => {
        if (uplinkName === 'dsl') throw new UplinkError('dsl', 'networkFailure', 'no network');
        return [host];
      },
    });
    ports.open(DNS, BALANCED).send(payloadOf('x'));
    await settled();
    expect(log).toEqual(['open lte 4', 'x to 192.0.2.53 53']);
  });

  it.each<[string, StreamPolicy, Partial<Candidate>, string[]]>([
    ['where that is as good as the others', { mode: 'aggregate' }, {}, ['lte']],
    ['unless it is not the first of the order', { mode: 'aggregate', order: ['dsl'] }, {}, ['lte', 'dsl']],
    ['unless it has become a backup', { mode: 'aggregate' }, { role: 'backup' }, ['lte', 'dsl']],
    ['unless it has failed', { mode: 'aggregate' }, { isSuspect: true }, ['lte', 'dsl']],
  ])('begin on the uplink that the application uses already %s', async (_, policy, now, opened) => {
    const lte = { name: 'lte', ...ALIKE };
    let candidates: Candidate[] = [lte];
    const { ports, log } = bed({
      candidates: (_host, by, inUse) =>
        orderUplinks(candidates, by, undefined, inUse).map(({ name }) => name),
    });
    const route: DirectRoute = { kind: 'balanced', policy, reason: 'fallback' };
    ports.open(DNS, route).send(payloadOf('x'));
    await settled();
    candidates = [
      { name: 'dsl', ...ALIKE, bytesPerSecond: 9e9 },
      { ...lte, ...now },
    ];
    ports.open({ ...DNS, port: 54 }, route).send(payloadOf('x'));
    await settled();
    expect(log.filter((line) => line.startsWith('open'))).toEqual(opened.map((name) => `open ${name} 4`));
  });

  it('may go on where their uplink is of use, or nothing else would be looked for', async () => {
    const asked: string[] = [];
    let standing: DirectStanding = 'right';
    const { ports } = bed({
      standingOf(uplinkName, { mode }) {
        asked.push(`${uplinkName} ${mode}`);
        return standing;
      },
    });
    const line = ports.open(DNS, BALANCED);
    const [same, other] = [{ mode: 'lowest-latency' }, { mode: 'redundant' }] as const;
    expect([line.goOn(same), line.goOn(other)]).toEqual([true, false]);
    line.send(payloadOf('x'));
    await settled();
    expect(line.goOn(other)).toBe(true);
    standing = 'out';
    expect(line.goOn(same)).toBe(false);
    expect(asked).toEqual(['dsl redundant', 'dsl lowest-latency']);
  });

  it('go on over a backup, without a gap, where no other uplink can carry them', async () => {
    let found = 0;
    const { ports, log, handlers, received } = bed({
      resolve: async (uplinkName, host) => {
        if (uplinkName === 'dsl') throw new UplinkError('dsl', 'destinationUnreachable', 'no IPv4 there');
        // By its name there is another one each time.
        return [host === NAME.host ? `192.0.2.${++found}` : host];
      },
      standingOf: () => 'stopgap',
    });
    const line = ports.open(NAME, BALANCED);
    line.send(payloadOf('one'));
    await settled();
    for (let i = 0; i < 3; i++) expect(line.goOn(BALANCED.policy)).toBe(true);
    handlers[0]!.onDatagram(payloadOf('meanwhile'), from('192.0.2.1', 3478));
    for (let i = 0; i < 20; i++) line.send(payloadOf('two'));
    await settled();
    line.send(payloadOf('three'));
    handlers[0]!.onDatagram(payloadOf('later'), from('192.0.2.1', 3478));
    const sent = (text: string) => `${text} to 192.0.2.1 3478`;
    expect(log).toEqual(['open lte 4', sent('one'), ...Array(20).fill(sent('two')), sent('three')]);
    expect(received).toEqual(['meanwhile from 192.0.2.1 3478', 'later from 192.0.2.1 3478']);
  });

  it('leave a backup once another uplink can carry them, and not before', async () => {
    let isBack = false;
    const { ports, log, handlers, received, over, counts } = bed({
      resolve: async (uplinkName, host) => {
        if (uplinkName === 'dsl' && !isBack) throw new UplinkError('dsl', 'networkFailure', 'no network');
        return [host];
      },
      standingOf: (uplinkName) => (uplinkName === 'lte' ? 'stopgap' : 'right'),
    });
    const line = ports.open(DNS, BALANCED);
    line.send(payloadOf('one'));
    await settled();
    isBack = true;
    expect(line.goOn(BALANCED.policy)).toBe(true);
    line.send(payloadOf('two'));
    await settled();
    line.send(payloadOf('three'));
    const sent = (text: string) => `${text} to 192.0.2.53 53`;
    expect(log).toEqual(['open lte 4', sent('one'), sent('two'), 'open dsl 4', sent('three')]);
    for (const at of handlers) at.onDatagram(payloadOf('answer'), from(DNS.host, 53));
    expect(received).toEqual(Array(2).fill('answer from 192.0.2.53 53'));
    expect(over).toEqual(['lte', 'dsl']);
    line.onReceived(6, 'lte');
    expect(line.carried).toContainEqual({ uplinkName: 'lte', sentBytes: 6, receivedBytes: 6 });
    expect(counts.drops.directFailed).toBe(0);
    line.end();
    for (const at of handlers) at.onDatagram(payloadOf('late'), from(DNS.host, 53));
    expect(received).toHaveLength(2);
  });

  it.each<[string, readonly StreamPolicy[], boolean]>([
    ['once, where nothing is decided otherwise', [BALANCED.policy, { ...BALANCED.policy }], true],
    ['again, where another policy holds', [BALANCED.policy, { mode: 'aggregate' }], true],
    ['again, where that has found nothing', [BALANCED.policy, BALANCED.policy], false],
  ])(
    'leave a backup also where the network changes while a way is looked for: %s',
    async (_, by, isFirstFound) => {
      const answers: ((isFound: boolean) => void)[] = [];
      const { ports, log } = bed({
        resolve: async (uplinkName, host) => {
          const isFound =
            uplinkName === 'lte' ||
            (log.length > 0 && (await new Promise<boolean>((resolve) => answers.push(resolve))));
          if (!isFound) throw new UplinkError(uplinkName, 'networkFailure', 'no network');
          return [host];
        },
        standingOf: (uplinkName) => (uplinkName === 'lte' ? 'stopgap' : 'right'),
      });
      const line = ports.open(DNS, BALANCED);
      line.send(payloadOf('one'));
      await settled();
      for (const policy of by) expect(line.goOn(policy)).toBe(true);
      answers.shift()!(isFirstFound);
      await settled();
      answers.shift()?.(true);
      await settled();
      line.send(payloadOf('two'));
      expect(line.carried).toContainEqual({ uplinkName: 'dsl', sentBytes: 3, receivedBytes: 0 });
    },
  );

  it('leave a backup for no other backup', async () => {
    const order = ['lte', 'satellite'];
    const { ports } = bed({ candidates: () => order, standingOf: () => 'stopgap' });
    const line = ports.open(DNS, BALANCED);
    line.send(payloadOf('one'));
    await settled();
    order.reverse();
    expect(line.goOn(BALANCED.policy)).toBe(true);
    await settled();
    line.send(payloadOf('two'));
    await settled();
    expect(line.carried).toEqual([{ uplinkName: 'lte', sentBytes: 6, receivedBytes: 0 }]);
  });

  it('look by what was allowed last, when they have lost their socket', async () => {
    const { ports, log, open } = bed({ candidates: (_host, { only = [] }) => only });
    const line = ports.open(DNS, { ...BALANCED, policy: { mode: 'aggregate', only: ['lte', 'dsl'] } });
    line.send(payloadOf('one'));
    await settled();
    const allowed = { mode: 'aggregate', only: ['lte'] } as const;
    expect(line.goOn(allowed)).toBe(true);
    open[0]!.destroy('reset');
    expect([line.goOn(allowed), line.goOn({ mode: 'aggregate' })]).toEqual([true, false]);
    line.send(payloadOf('two'));
    await settled();
    expect(log.filter((each) => each.startsWith('open'))).toEqual(['open lte 4', 'open lte 4']);
  });

  it('look elsewhere than before, when they have lost their socket and that is not allowed any more', async () => {
    const { ports, open } = bed();
    const line = ports.open(DNS, BALANCED);
    line.send(payloadOf('one'));
    await settled();
    open[0]!.destroy('reset');
    expect(line.goOn({ mode: 'lowest-latency', only: ['dsl'] })).toBe(false);
  });

  it.each<[string, DirectRoute, string]>([
    ['a rule that names the uplink', BY_RULE, 'named'],
    ['such a rule, by a name alone', { ...BY_RULE, isPublicOnly: true }, 'public'],
    ['the fallback', BALANCED, 'public'],
  ])('reach with %s what connections reach with it', async (_, route, reach) => {
    const resolve = vi.fn<DirectPortsOptions['resolve']>(async (_uplink, host) => [host]);
    bed({ resolve }).ports.open(DNS, route).send(payloadOf('x'));
    await settled();
    expect(resolve.mock.calls[0]?.[3]).toBe(reach);
  });

  it('are dropped where that fails, and it is tried again after a second', async () => {
    let isBroken = true;
    const { ports, log, counts, time } = bed({
      resolve: async (uplinkName, host) => {
        if (isBroken) throw new UplinkError(uplinkName, 'nameNotFound', 'no such name');
        return [host];
      },
    });
    const line = ports.open(DNS, BY_RULE);
    for (let i = 0; i < 10; i++) line.send(payloadOf('x'));
    await settled();
    line.send(payloadOf('x'));
    expect([log, counts.drops.directFailed]).toEqual([['192.0.2.53: nameNotFound'], 11]);
    isBroken = false;
    time.ms += 1_000;
    line.send(payloadOf('again'));
    await settled();
    expect(log.slice(1)).toEqual(['open dsl 4', 'again to 192.0.2.53 53']);
  });

  it('begin anew over another socket when an uplink has lost its own', async () => {
    const { ports, log, open } = bed();
    const line = ports.open(DNS, BY_RULE);
    line.send(payloadOf('one'));
    await settled();
    expect(open[0]!.localAddress).toBe('10.0.0.2');
    open[0]!.destroy('reset');
    line.send(payloadOf('two'));
    await settled();
    expect(log).toEqual([
      'open dsl 4',
      'one to 192.0.2.53 53',
      'close dsl',
      'closed',
      'open dsl 4',
      'two to 192.0.2.53 53',
    ]);
  });

  it('leave no socket behind, also where one is being opened', async () => {
    const { ports, log } = bed();
    ports.open(DNS, BY_RULE).send(payloadOf('one'));
    await settled();
    ports.open(DNS, BALANCED).send(payloadOf('two'));
    ports.open({ host: '2001:db8::1', port: 443 }, BY_RULE).send(payloadOf('three'));
    ports.close();
    await settled();
    expect(log.filter((line) => line.startsWith('open')).length).toBe(
      log.filter((line) => line.startsWith('close ')).length,
    );
  });
});
