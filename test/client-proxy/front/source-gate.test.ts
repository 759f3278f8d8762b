import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { SourceGate } from '../../../client-proxy/front/source-gate.ts';
import type { ListenPoint } from '../../../shared/runtime/tcp/listen-point.ts';

const LAN: ListenPoint = { host: '192.168.9.1', port: 1080 };

function gate(allow: readonly string[], hasUsers: boolean) {
  const lines: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  return { gate: new SourceGate({ allow, hasUsers, clock: () => 0, logger }), lines };
}

describe('an address that other machines can reach', () => {
  it.each([
    // [socks.allow, users?, who connects, whether it may]
    [['192.168.9.0/24'], false, '192.168.9.7', true],
    [['192.168.9.0/24'], true, '192.168.9.7', true],
    [['192.168.9.0/24'], false, '192.168.10.7', false],
    // Both hold: a password does not help elsewhere.
    [['192.168.9.0/24'], true, '192.168.10.7', false],
    [['192.168.9.0/24'], false, '::ffff:192.168.9.7', true],
    [['192.168.9.0/24'], false, '2001:db8::7', false],
    [['2001:db8::/64'], false, '2001:db8::7', true],
    // This machine may always.
    [['192.168.9.0/24'], false, '127.0.0.1', true],
    [['192.168.9.0/24'], false, '::1', true],
    [['192.168.9.0/24'], false, '::ffff:127.0.0.1', true],
    [[], false, '127.0.0.1', true],
    // Passwords alone.
    [[], true, '203.0.113.7', true],
    // Neither: a socket that systemd has made.
    [[], false, '192.168.9.7', false],
    // Gone before it was asked.
    [['192.168.9.0/24'], false, '', false],
  ])('allow %j, users %s: %s may: %s', (allow, hasUsers, address, may) => {
    expect(gate(allow, hasUsers).gate.at(LAN)!(address)).toBe(may);
  });

  it('counts who is refused, and says so now and then', () => {
    const { gate: own, lines } = gate(['192.168.9.0/24'], false);
    const admits = own.at(LAN)!;
    for (let i = 0; i < 1_000; i++) admits('203.0.113.7');
    admits('192.168.9.7');
    admits('');
    expect(own.refused).toBe(1_000);
    expect(lines.length).toBeLessThan(30);
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: 40, address: '203.0.113.7' });
  });

  it('takes other ranges over', () => {
    const { gate: own } = gate(['192.168.9.0/24'], false);
    const admits = own.at(LAN)!;
    own.setAllowed(['10.0.0.0/8']);
    expect([admits('192.168.9.7'), admits('10.0.0.7')]).toEqual([false, true]);
    // Without ranges and users it is not open to all.
    own.setAllowed([]);
    expect([admits('10.0.0.7'), admits('127.0.0.1')]).toEqual([false, true]);
  });
});

it.each<ListenPoint>([
  { host: '127.0.0.1', port: 1080 },
  { host: '::1', port: 1080 },
  { path: '/run/tributary/socks', mode: 0o660 },
  { descriptor: 3, name: 'unix' },
])('asks nobody at %j, which this machine alone can reach', (point) => {
  expect(gate(['192.168.9.0/24'], false).gate.at(point)).toBeUndefined();
});

it('says at the start that others are refused', () => {
  const { gate: own, lines } = gate([], false);
  own.at(LAN);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('socks.allow');
});
