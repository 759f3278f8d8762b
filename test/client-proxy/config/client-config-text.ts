import { dirname } from 'node:path';
import { expect } from 'vitest';
import type { ClientConfig } from '../../../client-proxy/config/client-config.ts';
import { loadClientConfig } from '../../../client-proxy/config/load-client-config.ts';
import { ConfigError } from '../../../shared/runtime/config/config-error.ts';
import { temporaryFile } from '../../config/temporary-directory.ts';

export const KEY = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I';
export const PIN = `sha256:${'A'.repeat(43)}`;

/** All that a client's configuration must have; what a test adds stands from line 7 on. */
export const MINIMAL = `concentrator:
  addresses: ["vps.example.org:8443"]
  pin: "${PIN}"
client: { id: laptop, key: ${KEY} }
uplinks:
  - { name: wifi, interface: wlan0 }
`;

/** The same with other uplinks, in line 5. */
export function withUplinks(text: string): string {
  return MINIMAL.replace(/uplinks:[\s\S]*/, `uplinks: ${text}\n`);
}

export async function load(text: string): Promise<ClientConfig> {
  return loadClientConfig(await temporaryFile('c.yaml', text));
}

/** The messages without the directory; fails where there is none. */
export async function mistakes(text: string): Promise<string[]> {
  const file = await temporaryFile('c.yaml', text);
  const error = await loadClientConfig(file).then(
    () => expect.fail('the configuration was accepted'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConfigError);
  expect((error as ConfigError).message).not.toContain(KEY);
  return (error as ConfigError).message.replaceAll(`${dirname(file)}/`, '').split('\n');
}
