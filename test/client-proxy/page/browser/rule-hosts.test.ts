import { expect, it } from 'vitest';
import { ruleHostsOf } from '../../../../client-proxy/page/browser/base/rule-hosts.ts';

it.each<readonly [string, string | null, readonly string[]]>([
  ['93.184.215.14', 'Example.co.uk.', ['example.co.uk', '*.example.co.uk']],
  ['me.github.io', null, ['me.github.io', '*.me.github.io']],
  ['93.184.215.14', null, ['93.184.215.14']],
  ['2001:db8::1', null, ['2001:db8::1']],
  ['printer', null, ['printer']],
])('a rule from a connection to %s (%s) is about nobody else: %j', (host, name, hosts) => {
  expect(ruleHostsOf({ host, name })).toEqual(hosts);
});
