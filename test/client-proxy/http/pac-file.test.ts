import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { ownPage } from '../../../client-proxy/http/own-pages.ts';
import { pacFile } from '../../../client-proxy/http/pac-file.ts';
import { RuleSet } from '../../../client-proxy/steering/rule-set.ts';
import type { SteeringConfig, SteeringRule } from '../../../client-proxy/steering/steering-rule.ts';

const DIRECT = { kind: 'direct', uplink: 'secret-uplink' } as const;
const STEER = { kind: 'steer', policy: { mode: 'aggregate' } } as const;
const BLOCK = { kind: 'block' } as const;
const BETWEEN = [{ text: '01:00-02:00' }] as never;

const RULES: readonly SteeringRule[] = [
  { hosts: ['ads.bank.test'], action: BLOCK },
  { hosts: ['*.work.test'], users: ['secret-user'], action: DIRECT },
  { hosts: ['night.test'], between: BETWEEN, action: DIRECT },
  { hosts: ['bank.test', '*.bank.test'], action: DIRECT },
  {
    hosts: ['web.test'],
    ports: [
      { from: 80, to: 80 },
      { from: 8000, to: 8999 },
    ],
    action: DIRECT,
  },
  { networks: ['10.1.0.0/16'], action: STEER },
  { networks: ['10.0.0.0/8', '2001:db8::/32', '::ffff:172.16.0.0/108'], action: DIRECT },
  { hosts: ['*.work.test'], action: DIRECT },
  { hosts: ['constructor'], action: DIRECT },
  { hosts: ['after.test'], action: BLOCK },
];
const CONFIG: SteeringConfig = {
  default: { mode: 'aggregate' } as never,
  datagrams: {} as never,
  rules: RULES as never,
};

/** As a browser runs it. */
function run(text: string, url: string): string {
  const isInNet = (host: string, net: string, mask: string) => {
    const number = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    return (number(host) & number(mask)) >>> 0 === (number(net) & number(mask)) >>> 0;
  };
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  return runInNewContext(`${text}; FindProxyForURL(${JSON.stringify(url)}, ${JSON.stringify(host)})`, {
    isInNet,
  });
}

const PROXY = 'PROXY 192.168.9.1:1080';
const pac = pacFile(CONFIG, { host: '192.168.9.1', port: 1080 });

describe('the file of proxy settings', () => {
  it.each([
    ['http://bank.test/', 'DIRECT'],
    ['https://www.bank.test/a?b', 'DIRECT'],
    ['https://WWW.BANK.test./', 'DIRECT'],
    ['https://ads.bank.test/', PROXY],
    ['https://xbank.test/', PROXY],
    ['http://web.test/', 'DIRECT'],
    ['https://web.test/', PROXY],
    ['http://web.test:8443/', 'DIRECT'],
    ['http://web.test:81/', PROXY],
    ['http://10.2.3.4/', 'DIRECT'],
    ['http://10.1.3.4/', PROXY],
    ['http://172.16.9.9/', 'DIRECT'],
    ['http://172.32.9.9/', PROXY],
    ['http://[2001:db8::1]/', PROXY],
    ['http://10.2.3.4.test/', PROXY],
    // What depends on the user, or the time, is for the proxy to say.
    ['http://a.work.test/', PROXY],
    ['http://night.test/', PROXY],
    ['http://constructor/', 'DIRECT'],
    ['http://tostring/', PROXY],
    ['http://after.test/', PROXY],
    ['http://example.org/', PROXY],
  ])('%s: %s', (url, expected) => {
    expect(run(pac, url)).toBe(expected);
  });

  it('never leads directly what the rules do not', () => {
    const rules = new RuleSet(CONFIG);
    const hosts = [
      'bank.test',
      'ads.bank.test',
      'a.bank.test',
      'web.test',
      '10.1.2.3',
      '10.9.9.9',
      '11.0.0.1',
      'x.work.test',
    ];
    for (const host of hosts) {
      for (const port of [80, 443, 8080]) {
        const isDirect = rules.choose({ destination: { host, port } }).action.kind === 'direct';
        if (run(pac, `http://${host}:${port}/`) === 'DIRECT')
          expect([host, port, isDirect]).toEqual([host, port, true]);
      }
    }
  });

  it('has no secrets, and nothing behind the last rule that leads directly', () => {
    expect(pac).not.toMatch(/secret|after\.test/);
    expect(pacFile({ ...CONFIG, rules: [] }, { host: '::1', port: 1 })).toMatch(
      /PROXY \[::1\]:1"[\s\S]*var rules = \[\];/,
    );
  });
});

describe('pages of the port', () => {
  const ask = (host: string | undefined, path: string, method = 'GET') =>
    ownPage(
      { method, rawHeaders: host === undefined ? [] : ['Host', host] },
      path,
      ({ host: name, port }) => `PAC ${name} ${port}`,
    );

  it.each([
    ['127.0.0.1:1080', '/proxy.pac', 200, 'PAC 127.0.0.1 1080'],
    ['[::1]:1080', '/wpad.dat', 200, 'PAC ::1 1080'],
    ['localhost:1080', '/proxy.pac?x', 200, 'PAC localhost 1080'],
    ['wpad', '/wpad.dat', 200, 'PAC wpad 80'],
    ['wpad.lan', '/wpad.dat', 200, 'PAC wpad.lan 80'],
    ['127.0.0.1:1080', '/', 200, 'This is the port'],
    ['127.0.0.1:1080', '/favicon.ico', 404, 'This is the port'],
    // A name that somebody may own leads here by DNS rebinding.
    ['evil.example:1080', '/proxy.pac', 421, 'names a host'],
    ['wpad.evil.example', '/wpad.dat', 421, 'names a host'],
    ['127.0.0.1.evil.example', '/proxy.pac', 421, 'names a host'],
    ['', '/proxy.pac', 421, 'names a host'],
    [undefined, '/proxy.pac', 421, 'names a host'],
  ])('%s %s: %d', (host, path, status, text) => {
    const answer = ask(host, path);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(text);
    const isPac = answer.text.startsWith('PAC');
    expect(answer.headers?.['Content-Type']).toBe(isPac ? 'application/x-ns-proxy-autoconfig' : undefined);
  });

  it('only reads', () => {
    expect(ask('127.0.0.1', '/proxy.pac', 'POST')).toMatchObject({ status: 405 });
  });
});
