import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { ConcentratorAddresses } from '../../../client-proxy/path-manager/concentrator-addresses.ts';
import { MAX_ANNOUNCED_ADDRESSES } from '../../../shared/protocol/session/announcements.ts';
import { parseHostPort } from '../../../shared/runtime/address/host-port.ts';

/** Names stand for these. */
const KNOWN: Readonly<Record<string, readonly string[]>> = { 'vps.example': ['8.8.4.4', '2a00::4'] };

function bed(...configured: string[]) {
  const addresses = new ConcentratorAddresses(
    configured.map((text) => parseHostPort(text)!),
    (name) => KNOWN[name] ?? [],
  );
  return {
    addresses,
    all: () => addresses.all.map(({ host }) => host),
    add: (id: number, host: string, port = 8443) =>
      addresses.add(id, Uint8Array.from(ipaddr.parse(host).toByteArray()), port)?.refused,
  };
}

describe("the concentrator's addresses", () => {
  it('are the configured and the announced ones, each once', () => {
    const { all, add, addresses } = bed('8.8.8.8:8443', 'vps.example:8443');
    add(1, '9.9.9.9');
    add(2, '8.8.8.8');
    add(3, '2a00:0::4');
    expect(all()).toEqual(['8.8.8.8', 'vps.example', '9.9.9.9']);
    // Another port is another address.
    add(4, '8.8.8.8', 443);
    expect(addresses.all.at(-1)).toEqual({ host: '8.8.8.8', port: 443 });
  });

  it('are withdrawn, unless they are configured', () => {
    const { all, add, addresses } = bed('8.8.8.8:8443');
    add(1, '9.9.9.9');
    add(2, '8.8.8.8');
    expect(addresses.remove(1)).toEqual({ host: '9.9.9.9', port: 8443 });
    expect([addresses.remove(2), addresses.remove(77)]).toEqual([undefined, undefined]);
    expect(all()).toEqual(['8.8.8.8']);
    // A copy that was late.
    add(1, '9.9.9.9');
    expect(all()).toEqual(['8.8.8.8']);
  });

  it('stay while they are announced under another id, as when an old one is withdrawn late', () => {
    const { all, add, addresses } = bed('8.8.8.8:8443');
    add(1, '9.9.9.9');
    add(2, '9.9.9.9');
    expect(all()).toEqual(['8.8.8.8', '9.9.9.9']);
    expect(addresses.remove(1)).toBeUndefined();
    expect(addresses.remove(2)).toEqual({ host: '9.9.9.9', port: 8443 });
  });

  it('are the announced ones alone once further subflows go elsewhere', () => {
    const { all, add, addresses } = bed('8.8.8.8:8443');
    expect(addresses.allows({ host: '8.8.8.8', port: 8443 })).toBe(true);
    addresses.leaveConfigured();
    expect([all(), addresses.allows({ host: '8.8.8.8', port: 8443 })]).toEqual([[], false]);
    add(1, '2a00::4');
    expect(all()).toEqual(['2a00::4']);
    expect(addresses.allows({ host: '2a00:0:0::4', port: 8443 })).toBe(true);
    expect(addresses.allows({ host: '2a00::4', port: 443 })).toBe(false);
    // Connected to by a proxy that resolves it.
    expect(addresses.allows({ host: 'vps.example', port: 8443 })).toBe(false);
  });

  it('are bounded', () => {
    const { all, add } = bed('8.8.8.8:8443');
    for (let id = 1; id <= MAX_ANNOUNCED_ADDRESSES; id++) expect(add(id, `9.9.9.${id}`)).toBeUndefined();
    expect(add(100, '9.9.9.100')).toBe(`more than ${MAX_ANNOUNCED_ADDRESSES} addresses`);
    expect(all()).toHaveLength(1 + MAX_ANNOUNCED_ADDRESSES);
  });

  it.each([
    ['loopback', '127.0.0.1'],
    ['loopback', '::1'],
    ['private', '192.168.1.1'],
    ['unique local', 'fd00::1'],
    ['link-local', '169.254.0.1'],
    ['link-local', 'fe80::1'],
    ['cloud metadata', '169.254.169.254'],
    ['multicast', '224.0.0.1'],
    ['unspecified', '0.0.0.0'],
    ['private', '::ffff:192.168.1.1'],
    ['loopback', '64:ff9b::7f00:1'],
  ])('are never %s for a concentrator of the Internet: %s', (range, host) => {
    const { all, add } = bed('vps.example:8443');
    expect(add(1, host)).toContain(`is ${range}, and no configured address is`);
    // Said once, however often it comes.
    expect(add(1, host)).toBeUndefined();
    expect(all()).toEqual(['vps.example']);
  });

  it.each([
    {
      configured: '10.0.0.1:8443',
      taken: ['192.168.1.1', 'fd00::1', '9.9.9.9'],
      refused: ['127.0.0.1', '169.254.0.1'],
    },
    { configured: '[fd00::1]:8443', taken: ['10.0.0.1', '100.64.0.1'], refused: ['::1', 'fe80::1'] },
    { configured: '127.0.0.1:8443', taken: ['127.0.0.2', '::1'], refused: ['10.0.0.1', '169.254.169.254'] },
    { configured: '169.254.0.1:8443', taken: ['9.9.9.9'], refused: ['169.254.169.254'] },
  ])('may be in the networks of a concentrator at $configured', ({ configured, taken, refused }) => {
    const { add } = bed(configured);
    for (const [i, host] of taken.entries()) expect(add(i + 1, host), host).toBeUndefined();
    for (const [i, host] of refused.entries()) expect(add(i + 100, host), host).toBeDefined();
  });
});
