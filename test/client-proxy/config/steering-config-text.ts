import { expect } from 'vitest';
import { parse } from 'yaml';
import { clientSchema } from '../../../client-proxy/config/client-schema.ts';
import type { SteeringConfig } from '../../../client-proxy/steering/steering-rule.ts';
import { ConfigError } from '../../../shared/runtime/config/config-error.ts';
import { parseConfig } from '../../../shared/runtime/config/parse-config.ts';
import { YamlSource } from '../../../shared/runtime/config/yaml-source.ts';

/** A client's configuration without steering, which is added from line 5 on. */
export const BASE = `concentrator: { addresses: ["vps.example.org:8443"], pin: "sha256:${'A'.repeat(43)}" }
client: { id: laptop, key: ${'A'.repeat(43)} }
socks: { users: [{ name: alice, password: secret }, { name: bob, password: secret }] }
uplinks: [{ name: dsl, interface: eth0 }, { name: lte, interface: wwan0, costPerGB: 2 }]
`;

export const steeringOf = (yaml: string): SteeringConfig =>
  clientSchema.parse(parse(`${BASE}steering:\n${yaml}`)).steering;

/** The messages, without the file's name; fails where there is none. */
export function mistakes(yaml: string): string[] {
  try {
    parseConfig(new YamlSource(`${BASE}steering:\n${yaml}\n`, 'c.yaml'), clientSchema);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.split('\n').map((line) => line.replace('c.yaml:', ''));
  }
  return expect.fail('the configuration was accepted');
}
