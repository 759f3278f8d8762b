import { describe, expect, it } from 'vitest';
import { load, MINIMAL, mistakes } from './client-config-text.ts';

describe('the section "transparent"', () => {
  it('is absent unless it is there', async () => {
    expect((await load(MINIMAL)).transparent).toBeUndefined();
  });

  it('has a list of addresses, or one', async () => {
    const both = await load(
      `${MINIMAL}transparent: { listen: ["0.0.0.0:12345", "[::]:12345"], sniff: false }\n`,
    );
    expect(both.transparent).toEqual({
      listen: [
        { host: '0.0.0.0', port: 12345 },
        { host: '::', port: 12345 },
      ],
      sniff: false,
      maxConnections: 8192,
      udp: true,
    });
    const one = await load(`${MINIMAL}transparent: { listen: "127.0.0.1:12345" }\n`);
    expect(one.transparent).toMatchObject({ listen: [{ host: '127.0.0.1', port: 12345 }], sniff: true });
  });

  const ADDRESS = 'expected ADDRESS:PORT to listen at, for example "0.0.0.0:12345" or "[::]:12345"';
  it.each([
    ['{}', `c.yaml:7:1: transparent.listen: missing: ${ADDRESS}; or a list of these`],
    ['{ listen: ["0.0.0.0:0"] }', `c.yaml:7:25: transparent.listen[0]: ${ADDRESS}, found "0.0.0.0:0"`],
    ['{ listen: ["lan:1"] }', `c.yaml:7:25: transparent.listen[0]: ${ADDRESS}, found "lan:1"`],
    [
      '{ listen: "0.0.0.0:1", sniff: sometimes }',
      'c.yaml:7:44: transparent.sniff: expected true or false, found "sometimes"',
    ],
  ])('refuses %s', async (section, expected) => {
    expect(await mistakes(`${MINIMAL}transparent: ${section}\n`)).toEqual([expected]);
  });
});
