import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { systemAddresses } from '../../../client-proxy/dns/system-addresses.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

it('are those that getent prints, each once', async () => {
  const directory = await temporaryDirectory();
  const lines = [
    '2001:db8::1     STREAM vps.example',
    '2001:db8::1     DGRAM',
    '192.0.2.1       STREAM',
    'error: x',
  ];
  await writeFile(
    join(directory, 'getent'),
    `#!/bin/sh\nprintf '%s\\n' ${lines.map((line) => `'${line}'`).join(' ')}\n`,
  );
  await chmod(join(directory, 'getent'), 0o755);
  vi.stubEnv('PATH', `${directory}${delimiter}${process.env.PATH}`);
  expect(await systemAddresses('vps.example')).toEqual(['2001:db8::1', '192.0.2.1']);
});

it('come from Node.js where there is no getent', async () => {
  vi.stubEnv('PATH', await temporaryDirectory());
  expect(await systemAddresses('localhost')).toEqual(
    expect.arrayContaining([expect.stringMatching(/^(127|::1)/)]),
  );
});
