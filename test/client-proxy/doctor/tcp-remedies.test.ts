import { expect, it } from 'vitest';
import type { UplinkCase } from '../../../client-proxy/doctor/case/uplink-check.ts';
import { PortalError } from '../../../client-proxy/uplink/portal.ts';
import { UplinkError } from '../../../client-proxy/uplink/uplink-error.ts';
import { connectThroughUplink } from '../../../client-proxy/uplink/uplink-socket.ts';
import type { Destination } from '../../../shared/protocol/destination.ts';
import type { ErrorName } from '../../../shared/protocol/errors.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { freePort } from '../../support/ports.ts';
import { serve } from '../../support/serve.ts';
import { ADDRESS, doctorCase, run, UPLINK } from './doctor-case.ts';

const HOST = '127.0.0.1';

/** A proxy that answers each part of the negotiation (RFC 1928) with the next of these. */
function proxy(...answers: readonly (readonly number[])[]): Promise<number> {
  return serve((socket) => {
    const left = [...answers];
    socket.on('data', () => {
      const next = left.shift();
      if (next !== undefined) socket.write(Uint8Array.from(next));
    });
  });
}

/** A pause of the machine is no silence. */
const PATIENT_MS = 20_000;
const SILENCE_MS = 300;

/** What is found over a proxy at this port. */
function overProxy(port: number, timeoutMs = PATIENT_MS) {
  const it = doctorCase({
    uplink: { ...UPLINK, name: 'office', binding: { kind: 'proxy', host: HOST, port } },
  });
  const { native } = loadNative();
  const connect = async (uplink: UplinkCase['uplink'], address: Destination) => {
    (await connectThroughUplink(uplink, address, { native, timeoutMs })).destroy();
    return 1;
  };
  return run('tcp', { ...it, prober: { ...it.prober, connect } });
}

const reply = (code: number) => [5, code, 0, 1, 0, 0, 0, 0, 0, 0];

it.each([
  ['wants a password', [[5, 255]], /^correct user and password .* of the uplink "office" in client.yaml/],
  ['does not allow it', [[5, 0], reply(2)], /rules allow 192.0.2.1:8443$/],
  ['speaks HTTP', [[72, 84, 84, 80]], /speaks no SOCKS5$/],
  ['finds no way', [[5, 0], reply(4)], /^see the log of the proxy 127.0.0.1:\d+/],
  ['was refused there', [[5, 0], reply(5)], /^at the concentrator: systemctl start/],
])('mends a proxy that %s', async (_, answers, remedy) => {
  const found = await overProxy(await proxy(...answers));
  expect(found).toMatchObject({
    outcome: 'failed',
    remedy: [expect.stringMatching(remedy)],
  });
});

it('mends a proxy that is silent, or the way behind it', async () => {
  const found = await overProxy(await proxy(), SILENCE_MS);
  expect(found).toMatchObject({
    outcome: 'failed',
    remedy: [
      expect.stringMatching(/^curl --socks5-hostname 127.0.0.1:\d+ .* --proxy-user, if it has a login$/),
      expect.stringMatching(/open TCP port 8443/),
      expect.stringMatching(/listen on 443/),
    ],
  });
});

it('mends a proxy that does not run, and nothing at the concentrator', async () => {
  const port = await freePort();
  expect(await overProxy(port)).toMatchObject({
    outcome: 'failed',
    words: expect.stringContaining(`the proxy 127.0.0.1:${port}: refused`),
    remedy: [
      `start the proxy 127.0.0.1:${port}, or correct it: "proxy" of the uplink "office" in client.yaml`,
    ],
  });
});

/** Every address fails in one way, with exceptions. */
function failing(code: ErrorName, except: (address: Destination) => ErrorName | undefined = () => code) {
  return async (_: unknown, address: Destination): Promise<number> => {
    const meant = except(address);
    if (meant === undefined) return 1;
    throw new UplinkError('wifi', meant, `no connection to ${address.host}: as the test wants it`);
  };
}

it.each([
  ['answer', undefined],
  ['refuse', 'connectionRefused'],
] as const)('tells of a login where ports that are open to everybody %s', async (_, outcome) => {
  const it = doctorCase();
  const connect = failing('timedOut', ({ port }) => (port === 80 ? outcome : 'timedOut'));
  expect(await run('tcp', { ...it, prober: { ...it.prober, connect } })).toMatchObject({
    outcome: 'failed',
    words: expect.stringMatching(/^192.0.2.1:8443 does not answer, while port 80 there does: .* login/),
    remedy: [
      expect.stringMatching(/^log in to this network/),
      expect.stringMatching(/open TCP port 8443/),
      expect.stringMatching(/listen on 443/),
    ],
  });
});

it('speaks of no login where nothing answers', async () => {
  const it = doctorCase();
  const found = await run('tcp', { ...it, prober: { ...it.prober, connect: failing('timedOut') } });
  expect(found.words).toBe('192.0.2.1: as the test wants it');
  expect(found.remedy?.join()).not.toMatch(/log in/);
});

it('first of all logs in where a portal answers', async () => {
  const it = doctorCase();
  const secure = () => Promise.reject(new PortalError('portal: something'));
  const found = await run('tls-and-pin', { ...it, prober: { ...it.prober, secure } });
  expect(found.remedy?.[0]).toMatch(/^log in to this network/);
  expect(found.remedy?.join()).not.toMatch(/join --update/);
});

/** An interface of a network with IPv6 alone. */
function v6Alone(over: Partial<UplinkCase> = {}): UplinkCase {
  const it = doctorCase(over);
  const [own] = it.view.interfaces;
  return { ...it, view: { interfaces: [{ ...own!, addresses: ['2001:db8::5'], routes: [6] }] } };
}

it('asks for an IPv6 address of the concentrator where a translator does not lead there', async () => {
  const translated = '64:ff9b::c000:201';
  const it = v6Alone();
  const names = { ...it.names, reachable: async () => [translated] };
  const asked = { ...it, names, prober: { ...it.prober, connect: failing('destinationUnreachable') } };
  await run('names', asked);
  expect(asked.found.addresses).toEqual([{ host: translated, port: ADDRESS.port }]);
  const { remedy } = await run('tcp', asked);
  expect(remedy?.[0]).toMatch(/^add an IPv6 address of the concentrator .* does not lead to 192.0.2.1,/);
});

it('asks for one where no translator is known, and not for an IPv4 address first', async () => {
  const fault = { code: 'no-source-address', severity: 'fault', words: 'no IPv4', remedy: 'DHCP' } as const;
  const found = await run('route', v6Alone({ diagnose: async () => [fault] }));
  expect(found).toMatchObject({ outcome: 'failed', words: expect.stringMatching(/IPv6 alone.*NAT64/) });
  expect(found.remedy?.[0]).toMatch(/^add an IPv6 address of the concentrator/);
});
