import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type * as z from 'zod';
import { clientSchema } from '../../client-proxy/config/client-schema.ts';
import { loadClientConfig } from '../../client-proxy/config/load-client-config.ts';
import { concentratorSchema } from '../../server-concentrator/config/concentrator-schema.ts';
import { loadConcentratorConfig } from '../../server-concentrator/config/load-concentrator-config.ts';
import { schemaKeyPaths } from '../../shared/runtime/config/schema-keys.ts';
import { generateCertificate } from '../../shared/runtime/identity/certificate.ts';
import { formatClientKey, generateClientKey } from '../../shared/runtime/identity/client-key.ts';
import { temporaryDirectory } from './temporary-directory.ts';

async function expectEveryKey(example: string, schema: z.ZodType): Promise<void> {
  const text = await readFile(example, 'utf8');
  const explained = new Set([...text.matchAll(/^\s*(?:# +|- )?(\w+):/gm)].map(([, key]) => key));
  const keys = schemaKeyPaths(schema).map((path) => path.replace(/^.*\./, ''));
  expect(keys.filter((key) => !explained.has(key))).toEqual([]);
}

describe('the example configurations', () => {
  it('client.example.yaml loads, and has every key', async () => {
    const directory = await temporaryDirectory();
    await copyFile('config/client.example.yaml', join(directory, 'c.yaml'));
    await writeFile(join(directory, 'client.key'), formatClientKey(generateClientKey()));
    const config = await loadClientConfig(join(directory, 'c.yaml'));
    expect(config.uplinks.map(({ binding }) => binding.kind)).toEqual([
      'interface',
      'interface',
      'address',
      'proxy',
    ]);
    await expectEveryKey('config/client.example.yaml', clientSchema);
  });

  it('concentrator.example.yaml loads, and has every key', async () => {
    const directory = await temporaryDirectory();
    const identity = await generateCertificate(new Date());
    await copyFile('config/concentrator.example.yaml', join(directory, 'c.yaml'));
    await writeFile(join(directory, 'certificate.pem'), identity.certificate);
    await writeFile(join(directory, 'key.pem'), identity.key);
    await writeFile(join(directory, 'clients.yaml'), '');
    const config = await loadConcentratorConfig(join(directory, 'c.yaml'));
    expect(config.egress.allow).toHaveLength(1);
    await expectEveryKey('config/concentrator.example.yaml', concentratorSchema);
  });
});
