import { describe, expect, it, vi } from 'vitest';
import type { UplinkCase } from '../../../client-proxy/doctor/case/uplink-check.ts';
import { ERROR_CODE } from '../../../shared/protocol/errors.ts';
import { HandshakeRefused } from '../../../shared/protocol/handshake/client-handshake.ts';
import { doctorCase, run, UPLINK } from './doctor-case.ts';

describe('UDP', () => {
  it.each<[string, UplinkCase['prober']['udp'], string, RegExp]>([
    [
      'passes',
      async () => ({ kind: 'passes', rttMs: 12.34, port: 8443 }),
      'ok',
      /port 8443 are answered in 12 ms/,
    ],
    [
      'is blocked',
      async () => ({ kind: 'blocked', port: 443 }),
      'warning',
      /no packet to UDP port 443 .* was answered/,
    ],
    ['is not carried', async () => ({ kind: 'not-carried' }), 'skipped', /carries no UDP/],
    [
      'was not tried',
      () => Promise.reject(new HandshakeRefused(ERROR_CODE.resourceExceeded)),
      'skipped',
      /no session/,
    ],
  ])('%s', async (_, udp, outcome, words) => {
    const it = doctorCase();
    const found = await run('udp', { ...it, prober: { ...it.prober, udp } });
    expect(found).toMatchObject({ outcome, words: expect.stringMatching(words) });
    if (outcome === 'warning') expect(found.remedy?.[0]).toMatch(/^ufw allow 443\/udp/);
  });

  it('is not tried where it cannot be, or nobody wants it', async () => {
    const udp = vi.fn();
    const it = doctorCase();
    const prober = { ...it.prober, udp };
    const proxied = { ...UPLINK, binding: { kind: 'proxy', host: '192.0.2.9', port: 1080 } as const };
    const off = { ...it.config, datagrams: false };
    for (const over of [{ uplink: proxied }, { config: off }]) {
      expect(await run('udp', { ...it, prober, ...over })).toMatchObject({ outcome: 'skipped' });
    }
    expect(udp).not.toHaveBeenCalled();
  });
});
