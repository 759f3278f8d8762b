import { describe, expect, it } from 'vitest';
import { hostFromAddressBytes, hostFromDomainField } from '../../../client-proxy/front/requested-host.ts';

const read = (text: string) => hostFromDomainField(Buffer.from(text, 'latin1'));

describe('the host of a SOCKS5 request', () => {
  // RFC 5952 section 4: lower case, no leading zeros, the first longest run of two or more zero fields shortened.
  it.each([
    ['20010db8000000000000000000000001', '2001:db8::1'],
    ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['2001ABCD000000000000000000000000', '2001:abcd::'],
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['0064ff9b000000000000000001020304', '64:ff9b::102:304'],
    ['00000000000000000000ffff01020304', '1.2.3.4'],
    ['7f000001', '127.0.0.1'],
    ['00000000', '0.0.0.0'],
  ])('reads address bytes %s as %s', (bytes, host) => {
    expect(hostFromAddressBytes(Buffer.from(bytes, 'hex'))).toBe(host);
  });

  it.each([
    ['example.org', 'example.org'],
    ['Example.ORG', 'Example.ORG'],
    ['example.org.', 'example.org.'],
    ['localhost', 'localhost'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['_dmarc.a-b.example', '_dmarc.a-b.example'],
    ['r3---sn-x.example', 'r3---sn-x.example'],
    ['1.2.3.4.example', '1.2.3.4.example'],
    ['10.0.0.1', '10.0.0.1'],
    ['10.0.0.1.', '10.0.0.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['[::1]', '::1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
    [`${'a.'.repeat(126)}a`, `${'a.'.repeat(126)}a`],
    [`${'a.'.repeat(126)}a.`, `${'a.'.repeat(126)}a.`],
  ])('reads the domain field %s as %s', (text, host) => {
    expect(read(text)).toEqual({ host });
  });

  it.each([
    ['b\u00fccher.de', 'xn--bcher-kva.de'],
    ['B\u00dcCHER.de.', 'xn--bcher-kva.de.'],
    ['www.\u4f8b\u3048\u3002\u30c6\u30b9\u30c8', 'www.xn--r8jz45g.xn--zckzah'],
    ['\u0645\u062b\u0627\u0644.example', 'xn--mgbh0fb.example'],
    ['\uff57\uff57\uff57.example', 'www.example'],
    ['\uff11\uff10.0.0.1', '10.0.0.1'],
    ['stra\u00dfe.example', 'xn--strae-oqa.example'],
    ['\u{1f4a9}.la', 'xn--ls8h.la'],
    ['i\u2764\ufe0f.ws', 'xn--i-7iq.ws'],
    ['\uff11\uff12\uff17.1', '127.0.0.1'],
  ])('reads the international name %s as %s', (text, host) => {
    expect(hostFromDomainField(Buffer.from(text, 'utf8'))).toEqual({ host });
  });

  it.each([
    ['b\u00fccher.example/x', /neither ASCII nor/],
    ['b\u00fccher.example:80', /neither ASCII nor/],
    ['b\u00fc%41cher.example', /neither ASCII nor/],
    ['b\u00fc cher.example', /neither ASCII nor/],
    ['\ufeffb\u00fccher.example', /neither ASCII nor/],
    ['\u202ebad.example', /neither ASCII nor/],
    [`${'\u00fc'.repeat(80)}.example`, /neither ASCII nor|longer than 63/],
  ])('refuses the international name %j', (text, problem) => {
    expect(hostFromDomainField(Buffer.from(text, 'utf8'))).toEqual({
      problem: expect.stringMatching(problem),
    });
  });

  it.each([
    ['', /empty/],
    ['.', /empty label/],
    ['a..b', /empty label/],
    ['.example', /empty label/],
    ['example..', /empty label/],
    ['a b', /characters/],
    ['a\0b', /characters/],
    ['a\r\nb', /characters/],
    ['user@example.org', /characters/],
    ['example.org:80', /characters/],
    ['http://example.org', /characters/],
    ['b\u00fccher.example', /neither ASCII nor/],
    ['fe80::1%eth0', /characters/],
    ['[10.0.0.1]', /characters/],
    [':::', /characters/],
    [`${'a'.repeat(64)}.example`, /longer than 63/],
    [`${'a.'.repeat(127)}a`, /longer than 253/],
    ['127.1', /number/],
    ['2130706433', /number/],
    ['0x7f000001', /number/],
    ['1.2.3.4.5', /number/],
    ['256.1.1.1', /number/],
    ['10.0.0.1..', /empty label/],
  ])('refuses the domain field %j', (text, problem) => {
    expect(read(text)).toEqual({ problem: expect.stringMatching(problem) });
  });
});
