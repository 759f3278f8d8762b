import { describe, expect, it } from 'vitest';
import { describeReload } from '../../../client-proxy/config/describe-reload.ts';
import { KEY, load, mistakes, PIN } from './client-config-text.ts';

const UPLINKS = 'uplinks: [{ name: wifi, interface: wlan0 }]\n';
const entry = (name: string, more = '') =>
  `  - { name: ${name}, addresses: ["${name}.example.org:8443"], pin: "${PIN}"${more} }\n`;
const CLIENT = `client: { id: laptop, key: ${KEY} }\n`;
const SEVERAL = `concentrators:\n${entry('frankfurt')}${entry('paris', ', id: other, serverName: p.example.org')}${CLIENT}${UPLINKS}`;

describe('several concentrators', () => {
  it('each have a name, and who this client is to it', async () => {
    const { concentrators, concentrator, client } = await load(SEVERAL);
    expect(concentrators.map((one) => [one.name, one.client.id, one.concentrator.serverName])).toEqual([
      ['frankfurt', 'laptop', undefined],
      ['paris', 'other', 'p.example.org'],
    ]);
    expect([concentrator, client]).toEqual([concentrators[0]!.concentrator, concentrators[0]!.client]);
  });

  it('need no common client where each says who this one is', async () => {
    const own = `, id: laptop, key: ${KEY}`;
    const { concentrators } = await load(`concentrators:\n${entry('a', own)}${entry('b', own)}${UPLINKS}`);
    expect(concentrators.map(({ client }) => client.id)).toEqual(['laptop', 'laptop']);
  });

  it('may be named by rules and published services', async () => {
    const rules =
      'steering: { rules: [{ host: a.test, concentrator: paris }, { host: b.test, mode: redundant, concentrator: { only: paris } }] }\n';
    const publish = 'publish: [{ listen: 443, to: "127.0.0.1:1", concentrators: paris }]\n';
    const config = await load(`${SEVERAL}${rules}${publish}`);
    expect(
      config.steering.rules.map(({ action }) => (action.kind === 'steer' ? action.concentrator : undefined)),
    ).toEqual([
      { name: 'paris', isOnly: false },
      { name: 'paris', isOnly: true },
    ]);
    expect(config.publish[0]!.concentrators).toEqual(['paris']);
  });

  it.each([
    [
      'both forms',
      SEVERAL.replace('uplinks', `concentrator: { addresses: ["a.test:1"], pin: "${PIN}" }\nuplinks`),
      'stands beside "concentrator"',
    ],
    [
      'a name twice',
      SEVERAL.replace('name: paris', 'name: frankfurt'),
      'a concentrator of this name stands above',
    ],
    ['a bad name', SEVERAL.replace('name: paris', 'name: "a b"'), 'a name of 1 to 32 letters'],
    ['no client for one', SEVERAL.replace(CLIENT, ''), 'client: missing: expected a map of keys'],
    ['a key twice', SEVERAL.replace('id: other', `key: ${KEY}, keyFile: k`), 'stands beside a key'],
    ['none', `concentrators: []\n${CLIENT}${UPLINKS}`, 'expected at least 1 entry'],
    [
      'an unknown name in a rule',
      `${SEVERAL}steering: { rules: [{ host: a, concentrator: pariss }] }\n`,
      'no concentrator is called "pariss": did you mean "paris"?',
    ],
    [
      'an unknown name of a service',
      `${SEVERAL}publish: [{ listen: 1, to: "127.0.0.1:1", concentrators: [rome] }]\n`,
      'no concentrator is called "rome"',
    ],
    [
      'a rule that also blocks',
      `${SEVERAL}steering: { rules: [{ host: a, concentrator: paris, block: true }] }\n`,
      'stands beside "concentrator"',
    ],
  ])('%s is refused', async (_, text, expected) => {
    expect((await mistakes(text)).join('\n')).toContain(expected);
  });

  it('are told of by a reload', async () => {
    const before = await load(SEVERAL);
    const less = await load(SEVERAL.replace(entry('frankfurt'), ''));
    expect(describeReload(before, less).live).toContain('concentrators');
    const moved = await load(SEVERAL.replace('paris.example.org:8443', 'paris.example.org:443'));
    expect(describeReload(before, moved)).toEqual({ live: ['concentrator.addresses'], restart: [] });
  });
});
