import { encodeHead, endToEndHeaders } from '../../../client-proxy/http/end-to-end-headers.ts';
import { ownPage } from '../../../client-proxy/http/own-pages.ts';
import { proxyCredentials } from '../../../client-proxy/http/proxy-credentials.ts';
import {
  connectTarget,
  type RequestHead,
  requestedTarget,
  valuesOf,
} from '../../../client-proxy/http/requested-target.ts';
import { type FuzzTarget, promise } from '../fuzz-target.ts';

const HOP_BY_HOP = ['connection', 'proxy-authorization', 'transfer-encoding', 'upgrade', 'te', 'keep-alive'];

/** HTTP behind the parser: whatever head it lets through leads to a host and a port, or to a refusal, and is passed on as one head. */
export const http: FuzzTarget = {
  name: 'http',
  maxBytes: 1_000,
  seeds: () =>
    [
      'GET\nhttp://[::1]:8080/a?b\nHost\na\nConnection\nclose, X-A\nX-A\nb\n',
      'POST\nhttp://example.org\nHost\na\nTransfer-Encoding\nchunked\nProxy-Authorization\nBasic YTpi\n',
      'OPTIONS\nHTTP://a.test:0080?x\nHost\na\nContent-Length\n5\nContent-Length\n6\n',
      'CONNECT\nexample.org:443\nHost\nexample.org\n',
      'GET\n/proxy.pac\nHost\nwpad.lan:80\nUpgrade\nwebsocket\n',
    ].map((text) => Buffer.from(text)),
  run(input) {
    // As the parser has it: text without line breaks, names and values in turn.
    const [method = '', url = '', ...rest] = Buffer.from(input).toString('latin1').split('\n');
    const rawHeaders = rest.slice(0, rest.length - (rest.length % 2));
    const head: RequestHead = { method, url, rawHeaders, httpVersion: '1.1' };
    const target = requestedTarget(head);
    if (target.kind === 'origin') {
      promise(/^[A-Za-z0-9_.:-]+$/.test(target.destination.host), `host: ${target.destination.host}`);
      promise(target.destination.port > 0 && target.destination.port < 65_536, 'the port');
      promise(/^(?:\/[^#]*|\*)$/s.test(target.path), `path: ${target.path}`);
      promise(valuesOf(rawHeaders, 'content-length').length < 2, 'two lengths');
      const kept = endToEndHeaders(rawHeaders, ['host']);
      const names = kept.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
      promise(!names.some((name) => HOP_BY_HOP.includes(name)), `passed on: ${names}`);
      const lines = encodeHead('GET / HTTP/1.1', kept)
        .toString('latin1')
        .split(/\r\n|\r|\n/);
      promise(lines.length === kept.length / 2 + 3, 'a line within a line');
    } else if (target.kind === 'own') {
      const page = ownPage({ method, rawHeaders }, target.path, () => 'PAC');
      promise(page.status !== 200 || valuesOf(rawHeaders, 'host').length === 1, 'a page without a host');
    }
    const tunnel = connectTarget(head);
    if (!('kind' in tunnel)) promise(tunnel.port > 0 && tunnel.host !== '', 'a tunnel to nowhere');
    const login = proxyCredentials(rawHeaders);
    promise(login === undefined || !login.name.includes(0x3a), 'a colon in the name');
  },
};
