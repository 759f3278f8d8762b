import { describe, expect, it } from 'vitest';
import type { ConfiguredUplink } from '../../../client-proxy/config/client-config.ts';
import { DirectDialer, type DirectDialerOptions } from '../../../client-proxy/direct/direct-dialer.ts';
import { UplinkResolvers } from '../../../client-proxy/dns/uplink-resolvers.ts';
import { NORMAL_USE, type UplinkUse } from '../../../client-proxy/path-manager/uplink-use.ts';
import { UplinkError } from '../../../client-proxy/uplink/uplink-error.ts';
import { formatDestination } from '../../../shared/protocol/destination.ts';
import type { AppSocket } from '../../../shared/runtime/app/app-socket.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import { useCleanups } from '../../support/cleanups.ts';
import { type NameServerReply, startNameServer } from '../../support/name-server.ts';

const after = useCleanups();

const SOCKET = { destroy() {} } as unknown as AppSocket;

interface Bench {
  readonly dialer: DirectDialer;
  /** `uplink: target` of each attempt. */
  readonly attempts: string[];
  readonly queries: readonly string[];
}

async function bench(
  options: {
    readonly reply?: (type: 'A' | 'AAAA', name: string) => NameServerReply;
    readonly uplinks?: readonly Partial<ConfiguredUplink>[];
    readonly connect?: DirectDialerOptions['connect'];
    readonly useOf?: DirectDialerOptions['useOf'];
  } = {},
): Promise<Bench> {
  const names = await startNameServer(options.reply ?? (() => 'nxdomain'));
  after(() => names.close());
  const attempts: string[] = [];
  const clock = () => performance.now();
  const linkServers = { of: async () => [], ofSystem: async () => [] };
  const surroundings = { linkServers, networkInterfaces: () => ({}), native: undefined };
  const dialer = new DirectDialer({
    uplinks: () =>
      (options.uplinks ?? [{}]).map((uplink) => ({
        name: 'dsl',
        backup: false,
        binding: { kind: 'address', address: '127.0.0.2' },
        nameServers: [names.address],
        ...uplink,
      })),
    useOf: options.useOf ?? (() => NORMAL_USE),
    clock,
    resolvers: new UplinkResolvers(surroundings, clock),
    ownAddresses: () => ['127.0.0.1', '::1', '192.168.1.5'],
    connect: async (uplink, target, signal, timeoutMs) => {
      attempts.push(`${uplink.name}: ${formatDestination(target)}`);
      return options.connect?.(uplink, target, signal, timeoutMs) ?? SOCKET;
    },
  });
  return { dialer, attempts, queries: names.queries };
}

const dial = ({ dialer }: Bench, host: string, uplink = 'dsl', signal = new Cancellation()) =>
  dialer.dial(uplink, { host, port: 443 }, signal);

describe('a direct dial', () => {
  it('takes an address as it is', async () => {
    const it = await bench();
    expect(await dial(it, '198.41.0.4')).toBe(SOCKET);
    expect(it.attempts).toEqual(['dsl: 198.41.0.4:443']);
    expect(it.queries).toEqual([]);
  });

  it('asks the name servers of its uplink', async () => {
    const it = await bench({
      reply: (type) => ({ addresses: type === 'A' ? ['198.41.0.4'] : [] }),
    });
    await dial(it, 'WWW.Example.Org.');
    expect([...it.queries].sort()).toEqual(['A www.example.org', 'AAAA www.example.org']);
    expect(it.attempts).toEqual(['dsl: 198.41.0.4:443']);
  });

  it('goes on to the next address when one refuses', async () => {
    const it = await bench({
      reply: (type) => ({ addresses: type === 'A' ? ['198.41.0.4', '198.41.0.5'] : [] }),
      connect: async (_uplink, { host }) => {
        if (host === '198.41.0.5') return SOCKET;
        throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
      },
    });
    expect(await dial(it, 'www.example.org')).toBe(SOCKET);
    expect(it.attempts).toHaveLength(2);
  });

  it("dials only the family of its uplink's address", async () => {
    const it = await bench({
      reply: (type) => ({ addresses: type === 'A' ? ['198.41.0.4'] : ['2620:fe::fe'] }),
    });
    await dial(it, 'www.example.org');
    expect(it.attempts).toEqual(['dsl: 198.41.0.4:443']);
    await expect(dial(it, '2620:fe::fe')).rejects.toMatchObject({
      code: 'networkFailure',
      message: expect.stringContaining('cannot reach the other address family'),
    });
  });

  it.each(['127.0.0.1', '192.168.1.5', '169.254.169.254', 'localhost'])('refuses %s', async (host) => {
    const it = await bench();
    await expect(dial(it, host)).rejects.toMatchObject({ code: 'notAuthorized' });
    expect(it.attempts).toEqual([]);
  });

  it('reaches private networks for a rule that names the uplink alone, whatever leads there', async () => {
    const it = await bench({
      reply: (type) => ({ addresses: type === 'A' ? ['10.0.0.7'] : ['fd00::7'] }),
    });
    for (const host of ['nas.test', '10.0.0.7', 'fd00::7', '::ffff:10.0.0.7', '100.64.0.9']) {
      const chosen = it.dialer.dial('dsl', { host, port: 80 }, new Cancellation(), 'public');
      await expect(chosen, host).rejects.toMatchObject({
        code: 'notAuthorized',
        message: expect.stringContaining('but by a rule with "direct"'),
      });
    }
    expect(it.attempts).toEqual([]);
    await dial(it, 'nas.test');
    expect(it.attempts).toEqual(['dsl: 10.0.0.7:443']);
  });

  it('refuses a name that leads to this machine, and passes over such an address', async () => {
    const it = await bench({
      reply: (type, name) => ({
        addresses:
          type === 'AAAA' ? [] : name.startsWith('evil') ? ['127.0.0.1'] : ['127.0.0.1', '198.41.0.4'],
      }),
    });
    await expect(dial(it, 'evil.test')).rejects.toMatchObject({ code: 'notAuthorized' });
    await dial(it, 'both.test');
    expect(it.attempts).toEqual(['dsl: 198.41.0.4:443']);
  });

  it('leaves names to an uplink that is a proxy, and refuses loopback there too', async () => {
    const proxy = { binding: { kind: 'proxy', host: '127.0.0.1', port: 1 } } as const;
    const it = await bench({ uplinks: [proxy] });
    await dial(it, 'www.example.org');
    expect(it.attempts).toEqual(['dsl: www.example.org:443']);
    expect(it.queries).toEqual([]);
    for (const host of ['127.0.0.1', 'localhost', 'WWW.LocalHost.']) {
      await expect(dial(it, host)).rejects.toMatchObject({ code: 'notAuthorized' });
    }
    expect(it.attempts).toHaveLength(1);
  });

  it.each<[string, unknown, string]>([
    ['refused', Object.assign(new Error('no'), { code: 'ECONNREFUSED' }), 'connectionRefused'],
    ['no route', Object.assign(new Error('no'), { code: 'ENETUNREACH' }), 'networkFailure'],
    ['no host', Object.assign(new Error('no'), { code: 'EHOSTUNREACH' }), 'destinationUnreachable'],
    ['no answer', Object.assign(new Error('no'), { code: 'ETIMEDOUT' }), 'timedOut'],
    ['no interface', new UplinkError('dsl', 'networkFailure', 'no such interface'), 'networkFailure'],
  ])('that fails says why: %s', async (_, error, code) => {
    const it = await bench({ connect: () => Promise.reject(error) });
    await expect(dial(it, '198.41.0.4')).rejects.toMatchObject({ code });
  });

  it('that fails for its name says why', async () => {
    const it = await bench({ reply: () => 'nxdomain' });
    await expect(dial(it, 'nothing.test')).rejects.toMatchObject({ code: 'nameNotFound' });
  });

  it('over an uplink that is not there says so', async () => {
    const it = await bench();
    await expect(dial(it, '198.41.0.4', 'wifi')).rejects.toMatchObject({
      code: 'networkFailure',
      fault: 'ours',
      message: expect.stringContaining('uplink wifi'),
    });
  });

  it('follows uplinks that come, go and change', async () => {
    const uplinks: Partial<ConfiguredUplink>[] = [];
    const it = await bench({ uplinks, reply: (type) => ({ addresses: type === 'A' ? ['198.41.0.4'] : [] }) });
    await expect(dial(it, 'www.example.org')).rejects.toMatchObject({ code: 'networkFailure' });
    uplinks.push({});
    await dial(it, 'www.example.org');
    uplinks[0] = { binding: { kind: 'proxy', host: '127.0.0.1', port: 1 } };
    await dial(it, 'www.example.org');
    expect(it.attempts).toEqual(['dsl: 198.41.0.4:443', 'dsl: www.example.org:443']);
  });

  it('over an uplink that is stopped is not allowed, and says why', async () => {
    const useOf = () => ({ use: 'stopped', reason: 'daily cap reached' }) as const;
    const it = await bench({ useOf });
    await expect(dial(it, 'www.example.org')).rejects.toMatchObject({
      code: 'notAuthorized',
      fault: 'ours',
      message: 'uplink dsl: stopped: daily cap reached',
    });
    expect([it.attempts, it.queries]).toEqual([[], []]);
  });

  it('over an uplink that is stopped meanwhile is undone; one that is a backup is as good as any', async () => {
    const use = { use: 'backup' as UplinkUse, reason: 'daily cap reached' };
    let destroyed = 0;
    const socket = { destroy: () => destroyed++ } as unknown as AppSocket;
    const it = await bench({ useOf: () => use, connect: async () => socket });
    expect(await dial(it, '198.41.0.4')).toBe(socket);
    const late = dial(it, '198.41.0.4');
    use.use = 'stopped';
    await expect(late).rejects.toMatchObject({ code: 'notAuthorized' });
    expect(destroyed).toBe(1);
  });

  it.each<[string, Partial<ConfiguredUplink>[]]>([
    ['gone', []],
    ['bound otherwise', [{ binding: { kind: 'address', address: '127.0.0.3' } }]],
  ])('over an uplink that is %s meanwhile is undone', async (_, later) => {
    const uplinks: Partial<ConfiguredUplink>[] = [{}];
    let destroyed = 0;
    const socket = { destroy: () => destroyed++ } as unknown as AppSocket;
    const it = await bench({ uplinks, connect: async () => socket });
    const late = dial(it, '198.41.0.4');
    uplinks.splice(0, 1, ...later);
    await expect(late).rejects.toMatchObject({ code: 'networkFailure' });
    expect(destroyed).toBe(1);
  });

  it('that is given up is cancelled', async () => {
    const it = await bench({
      connect: (_uplink, _target, signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const signal = new Cancellation();
    const attempt = dial(it, '198.41.0.4', 'dsl', signal);
    signal.abort();
    await expect(attempt).rejects.toMatchObject({ code: 'cancelled' });
  });
});
