import { expect, it } from 'vitest';
import { workerConfig } from '../../../server-concentrator/workers/worker-config.ts';
import { assembled } from '../concentrator-bed.ts';

it('divides what all clients share, and leaves what one client may have', async () => {
  const { config } = await assembled(['laptop']);
  const { limits } = config;
  const own = workerConfig(config, 1, 4);
  expect(own.metrics).toBeUndefined();
  expect(own.datagrams.associations).toBe(config.datagrams.associations / 4);
  expect(own.limits).toEqual({
    ...limits,
    memoryTotalBytes: limits.memoryTotalBytes / 4,
    // No more than all of it.
    memoryPerClientBytes: limits.memoryTotalBytes / 4,
  });
});

it.each([
  [{}, 'w3.concentrator.internal'],
  [{ public: [{ host: '192.0.2.1', port: 443 }] }, 'w3.concentrator.internal'],
  [
    {
      public: [
        { host: '2001:db8::1', port: 443 },
        { host: 'vps.example.org', port: 443 },
      ],
    },
    'w3.vps.example.org',
  ],
  [{ joinName: 'c1.example.org', public: [{ host: 'vps.example.org', port: 443 }] }, 'w3.c1.example.org'],
])('names the worker with %j: %s', async (keys, name) => {
  const { config } = await assembled(['laptop'], {}, keys);
  expect(workerConfig(config, 2, 4).joinName).toBe(name);
});
